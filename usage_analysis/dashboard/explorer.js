// Accessibility of ipywidgets' elements, added when they come or change. JupyterLab takes arrow
// keys, Enter and letters as shortcuts where no text field has the focus: on a list they would move
// to another cell. Sliders and the fields beside them have no name, toggle buttons have no state,
// and a picture has no alternative text.
// `this` is an image that fails to load: scripts of an HTML widget do not run, its handlers do.
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
say();
