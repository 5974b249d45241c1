"""The look of the page: two palettes, by the theme around it, and a layout that folds."""

from __future__ import annotations

from typing import Final

# Each ink on its ground has a contrast of 4.5 or more, each edge of a control 3 or more.
_LIGHT: Final = """--ua-ink: #1a1a1a; --ua-muted: #595959; --ua-line: #848484; --ua-rule: #d9d9d9;
  --ua-ground: #ffffff; --ua-soft: #f2f4f7; --ua-hover: #e3e8ef; --ua-accent: #1f4e79;
  --ua-bad: #a33d00; --ua-bad-soft: #fdf0e8; color-scheme: light;"""
_DARK: Final = """--ua-ink: #ededed; --ua-muted: #b8b8b8; --ua-line: #8c8c8c; --ua-rule: #454545;
  --ua-ground: #1b1b1b; --ua-soft: #2a2c2f; --ua-hover: #383c42; --ua-accent: #9ecbff;
  --ua-bad: #ff9d6b; --ua-bad-soft: #3b241a; color-scheme: dark;"""

STYLE: Final = f"""<style>
.jp-OutputArea-child:has(.ua-explorer) + .jp-OutputArea-child {{ display: none; }}
.ua-explorer {{ {_LIGHT} }}
[data-jp-theme-light="false"] .ua-explorer, .theme-dark .ua-explorer {{ {_DARK} }}
.ua-explorer {{ box-sizing: border-box; width: 100%; max-width: 1340px; margin: 0 auto;
  padding: 12px 16px; overflow: visible; color: var(--ua-ink); background: var(--ua-ground);
  container-type: inline-size; }}
.ua-explorer * {{ box-sizing: border-box; }}
.ua-explorer .widget-box, .ua-explorer .widget-html, .ua-explorer .widget-html-content,
.ua-explorer .widget-image {{ overflow: visible; height: auto; }}
.ua-explorer .jupyter-widgets {{ margin: 0; }}
.ua-explorer .widget-html-content {{ white-space: normal; line-height: 1.4; width: 100%;
  color: var(--ua-ink); font-size: 14px; }}
.ua-explorer h1 {{ font-size: 20px; line-height: 1.3; margin: 0; font-weight: 600; }}
.ua-explorer h2 {{ font-size: 14px; line-height: 1.3; margin: 0; font-weight: 600; }}
.ua-explorer .ua-row {{ flex-flow: row wrap; gap: 8px 12px; align-items: flex-end; }}
.ua-explorer .ua-head {{ align-items: center; gap: 4px 16px; padding-bottom: 10px; }}
.ua-explorer .ua-head .ua-asof {{ flex: 1 1 300px; width: auto; }}
.ua-explorer .ua-asof .widget-html-content {{ color: var(--ua-muted); font-size: 13px; }}
.ua-explorer .ua-which-title .widget-html-content, .ua-explorer .ua-title .widget-html-content {{
  width: auto; }}
.ua-explorer .ua-when {{ padding-bottom: 6px; }}
.ua-explorer .ua-main {{ flex-flow: row wrap; gap: 20px 28px; align-items: flex-start; }}
.ua-explorer .ua-stage {{ flex: 999 1 560px; min-width: 0; max-width: 100%; gap: 8px; }}
.ua-explorer .ua-which {{ flex: 1 1 250px; min-width: 0; max-width: 100%; gap: 8px;
  padding-top: 2px; }}

.ua-explorer .ua-labelled {{ display: flex; flex-direction: column; align-items: stretch;
  height: auto; width: auto; min-width: 0; overflow: visible; }}
.ua-explorer .ua-labelled > .widget-label {{ flex: none; width: auto; max-width: none;
  text-align: left; height: 18px; line-height: 18px; margin: 0; padding: 0; font-size: 12px;
  color: var(--ua-muted); }}
.ua-explorer .ua-labelled > :not(.widget-label) {{ flex: 0 0 auto; width: 100%; min-width: 0; }}
.ua-explorer .ua-labelled input, .ua-explorer .ua-labelled select {{ height: 32px; margin: 0;
  padding-left: 8px; font-size: 13px; color: var(--ua-ink);
  background-color: var(--ua-ground); border: 1px solid var(--ua-line) !important;
  border-radius: 4px; }}
.ua-explorer .ua-labelled select:not([multiple]) {{ appearance: auto; background-image: none; }}
.ua-explorer .ua-labelled select[multiple] {{ height: auto; padding: 4px; min-height: 132px;
  overflow-x: auto; }}
.ua-explorer .ua-labelled option {{ color: var(--ua-ink); background: var(--ua-ground);
  white-space: normal; overflow-wrap: anywhere; }}
.ua-explorer .ua-labelled input::placeholder {{ color: var(--ua-muted); opacity: 1; }}
.ua-explorer .ua-row > .ua-labelled {{ flex: 0 1 auto; min-width: 112px; }}
.ua-explorer .ua-row > .ua-first-day, .ua-explorer .ua-row > .ua-last-day,
.ua-explorer .ua-row > .ua-usd-a-billed-minute {{ width: 140px; }}
.ua-explorer .ua-row > .ua-time-zone, .ua-explorer .ua-row > .widget-hslider {{ width: 190px; }}
.ua-explorer .ua-labelled.widget-hslider {{ flex-flow: row wrap; align-items: center; }}
.ua-explorer .ua-labelled.widget-hslider > .widget-label {{ flex: 0 0 100%; }}
.ua-explorer .ua-labelled.widget-hslider > .slider-container {{ flex: 1 1 0; width: auto;
  min-width: 60px; height: 32px; margin: 0 10px; padding: 15px 0; }}
.ua-explorer .ua-labelled.widget-hslider .slider {{ margin: 0; }}
.ua-explorer .ua-labelled.widget-hslider > .widget-readout {{ flex: 0 0 34px; width: 34px;
  min-width: 34px; color: var(--ua-ink); }}
.ua-explorer .noUi-target {{ background: var(--ua-rule); border-color: var(--ua-line); }}
.ua-explorer .noUi-connect, .ua-explorer .noUi-handle {{ background: var(--ua-accent); }}
.ua-explorer .ua-which > .ua-labelled {{ width: 100%; }}
.ua-explorer .ua-pair {{ gap: 8px; width: 100%; }}
.ua-explorer .ua-many {{ align-items: flex-end; }}
.ua-explorer .ua-pair > * {{ flex: 1 1 0; min-width: 0; width: auto; }}

.ua-explorer .jupyter-button {{ width: auto; height: 32px; line-height: 30px; padding: 0 12px;
  margin: 0; border: 1px solid var(--ua-rule); border-radius: 4px; box-shadow: none;
  font-size: 13px; color: var(--ua-ink); background: var(--ua-soft); }}
.ua-explorer .jupyter-button:disabled {{ color: var(--ua-muted); opacity: .6; }}
.ua-explorer .jupyter-button:hover {{ background: var(--ua-hover); box-shadow: none; }}
.ua-explorer .jupyter-button.mod-active {{ border-color: var(--ua-accent);
  background: var(--ua-hover); }}
.ua-explorer .ua-tabs {{ width: 100%; border-bottom: 1px solid var(--ua-rule);
  margin-bottom: 12px; }}
.ua-explorer .ua-tab > .widget-label {{ position: absolute; width: 1px; height: 1px;
  overflow: hidden; clip-path: inset(50%); }}
.ua-explorer .ua-tab .widget-toggle-buttons {{ display: flex; flex-flow: row wrap; gap: 0 4px;
  width: auto; height: auto; margin: 0; }}
.ua-explorer .ua-tab .jupyter-button {{ height: 38px; padding: 0 14px; border: none;
  border-bottom: 3px solid transparent; border-radius: 4px 4px 0 0; background: transparent;
  font-size: 14px; color: var(--ua-muted); }}
.ua-explorer .ua-tab .jupyter-button:hover {{ background: var(--ua-soft); }}
.ua-explorer .ua-tab .jupyter-button.mod-active {{ color: var(--ua-accent);
  border-bottom-color: var(--ua-accent); background: transparent; }}

.ua-explorer .ua-headline p {{ font-size: 18px; line-height: 1.35; margin: 4px 0 0;
  max-width: 46em; }}
.ua-explorer .ua-figure {{ width: 100%; max-width: 960px; height: auto; object-fit: contain;
  border-radius: 4px; background: #fff; }}
.ua-explorer .ua-figure.ua-waiting {{ opacity: .55; }}
.ua-explorer .ua-figure.ua-stale {{ opacity: .3; filter: grayscale(1); }}
.ua-explorer .ua-note {{ border-left: 4px solid var(--ua-line); padding: 8px 12px; margin: 0;
  background: var(--ua-soft); max-width: 60em; border-radius: 0 4px 4px 0; }}
.ua-explorer .ua-note.ua-bad {{ border-color: var(--ua-bad); background: var(--ua-bad-soft); }}
.ua-explorer .ua-progress {{ flex: 0 1 220px; width: auto; height: 32px; }}
.ua-explorer .ua-progress > .widget-label {{ flex: none; width: auto; min-width: 84px;
  text-align: left; font-size: 12px; color: var(--ua-muted); }}
.ua-explorer .ua-progress .progress {{ height: 6px; margin: auto 0; border: none;
  border-radius: 3px; background: var(--ua-rule); overflow: hidden; }}
.ua-explorer .ua-progress .progress-bar {{ background: var(--ua-accent); }}
.ua-explorer .ua-leave-row {{ align-items: center; gap: 8px; max-width: 960px; }}
.ua-explorer .ua-leave-row .ua-show-python {{ margin-left: auto; }}
.ua-explorer .ua-python, .ua-explorer .ua-file {{ width: 100%; max-width: 960px; }}
.ua-explorer .ua-python pre {{ background: var(--ua-soft); color: var(--ua-ink); margin: 0;
  padding: 10px 12px; overflow: auto; border-radius: 4px; font-size: 12px; line-height: 1.5;
  white-space: pre; }}
.ua-explorer a {{ color: var(--ua-accent); }}
.ua-explorer .ua-unseen {{ position: absolute; width: 1px; height: 1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap; margin: 0; }}
.ua-explorer .ua-alt, .ua-explorer .ua-style {{ position: absolute; }}
.ua-explorer .ua-day {{ white-space: nowrap; }}
.ua-explorer button:focus:not(:focus-visible) {{ outline: none; }}
.ua-explorer button:focus-visible, .ua-explorer input:focus-visible,
.ua-explorer select:focus-visible, .ua-explorer a:focus-visible,
.ua-explorer pre:focus-visible, .ua-explorer .noUi-handle:focus-visible {{
  outline: 3px solid #2f8fdd; outline-offset: 1px; }}
/* In JupyterLab the window says little of the room there is. */
@container (max-width: 800px) {{
  .ua-explorer .ua-head {{ justify-content: space-between; }}
  .ua-explorer .ua-head .ua-asof {{ order: 3; flex-basis: 100%; }}
  .ua-explorer .ua-head .ua-progress {{ order: 4; flex-basis: 100%; height: 18px; }}
}}
@container (max-width: 640px) {{
  .ua-explorer .ua-row > .ua-labelled {{ flex: 1 1 140px; width: auto; }}
  .ua-explorer .ua-tab .jupyter-button {{ padding: 0 9px; }}
  /* A figure that is made smaller cannot be read: it is moved under a finger instead. */
  .ua-explorer .ua-stage {{ overflow-x: auto; }}
  .ua-explorer .ua-figure {{ width: 640px; max-width: none; flex: none; }}
}}
@media (max-width: 640px) {{ .ua-explorer {{ padding: 8px 2px; }} }}
</style>"""

# What ipywidgets does not say of its elements, said when they come or change. JupyterLab takes
# arrows, Enter and letters for its own where the focus is on no text field: on a list they would
# move to another cell. A slider and what is typed beside it have no name, a button that stays
# pressed has no state, and a picture has no text.
SCRIPT: Final = """<img alt="" hidden src="data:," onerror="
  const board = this.closest('.ua-explorer');
  if (!board) {
    setTimeout(() => { this.src = 'data:,'; }, 50);
    return;
  }
  const all = selector => board.querySelectorAll(selector);
  const say = () => {
    for (const part of all('.noUi-handle, .widget-readout')) {
      const name = part.closest('.ua-labelled').querySelector('.widget-label').textContent;
      const typed = part.matches('.widget-readout');
      if (typed) part.setAttribute('role', 'textbox');
      part.setAttribute('aria-label', typed ? name + ', as a number' : name);
    }
    for (const button of all('.widget-toggle-button')) {
      button.setAttribute('aria-pressed', button.classList.contains('mod-active'));
    }
    for (const group of all('.ua-tab > div')) {
      group.setAttribute('role', 'group');
      group.setAttribute('aria-label', group.parentElement.querySelector('label').textContent);
    }
    const words = board.querySelector('.ua-alt p');
    const image = board.querySelector('.ua-figure');
    if (words && image && image.alt !== words.textContent) {
      image.alt = words.textContent;
      words.setAttribute('aria-hidden', 'true');
    }
  };
  board.addEventListener('focusin', event =>
    event.target.setAttribute('data-lm-suppress-shortcuts', 'true'));
  new MutationObserver(say).observe(board, {
    subtree: true, childList: true, attributes: true, attributeFilter: ['class'],
  });
  say();">"""
