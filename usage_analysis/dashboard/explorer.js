// The figure of the dashboard on its page: drawn from SVG, brought to life, and with what
// ipywidgets' own elements lack. JupyterLab takes arrow keys, Enter and letters as shortcuts where
// no text field has the focus; sliders and the fields beside them have no name, tabs no role.
// `pointable` stands before this file in the module that is sent to the page.
const PHONE = 640; // below so many pixels the narrow drawing is asked for
const STEP = 1000; // changes that follow each other faster are one step of the back button [ms]
const PATIENCE = 8000; // a change that nothing follows from dims the figure no longer than this [ms]
let views = 0;

const named = board => {
  for (const part of board.querySelectorAll('.noUi-handle, .widget-readout')) {
    const name = part.closest('.ua-labelled').querySelector('.widget-label').textContent;
    const typed = part.matches('.widget-readout');
    if (typed) part.setAttribute('role', 'textbox');
    part.setAttribute('aria-label', typed ? `${name}, as a number` : name);
  }
  for (const button of board.querySelectorAll('.widget-toggle-button')) {
    const on = button.classList.contains('mod-active'), tab = button.closest('.ua-tab');
    button.setAttribute(tab ? 'aria-selected' : 'aria-pressed', on);
    if (tab) button.setAttribute('role', 'tab');
  }
  for (const group of board.querySelectorAll('.ua-tab > div')) {
    group.setAttribute('role', 'tablist');
    group.setAttribute('aria-label', group.parentElement.querySelector('label').textContent);
  }
  const chosen = board.querySelector('.ua-tab .mod-active');
  for (const stage of chosen ? board.querySelectorAll('.ua-stage') : []) {
    stage.setAttribute('role', 'tabpanel');
    stage.setAttribute('aria-label', chosen.textContent);
  }
  for (const field of board.querySelectorAll('.ua-labelled input, .ua-labelled select')) {
    field.setAttribute('aria-invalid', field.closest('.ua-invalid') !== null);
  }
  for (const head of board.querySelectorAll('.ua-table th:not([tabindex])')) head.tabIndex = 0;
  const table = board.querySelector('.ua-table details');
  if (table && !table.dataset.uaKept) { // open stays open over changes
    table.dataset.uaKept = 'true';
    table.open = board.dataset.uaTable === 'open';
    table.addEventListener('toggle', () => {
      board.dataset.uaTable = table.open ? 'open' : '';
    });
  }
  for (const bar of board.querySelectorAll('.ua-progress .progress')) {
    bar.setAttribute('role', 'progressbar');
    bar.setAttribute('aria-label', bar.closest('.ua-progress').querySelector('label').textContent);
  }
};

// Without its kernel no control answers: say so once instead of an icon beside each.
const mourned = (board, model) => {
  if (board.querySelector('.ua-dead') || !board.querySelector('.jupyter-widgets-disconnected')) return;
  const alert = document.createElement('div');
  alert.className = 'ua-dead';
  alert.setAttribute('role', 'alert');
  alert.textContent = 'The dashboard lost its connection, so nothing here answers. ';
  const again = document.createElement('button');
  again.textContent = 'Reload';
  again.addEventListener('click', () => {
    sessionStorage.setItem('ua-state', model.get('state'));
    location.reload();
  });
  alert.append(again);
  board.classList.add('ua-lost');
  board.prepend(alert);
};

// The address of the app's page tells the choices; where the page is JupyterLab's it is left alone.
const addressed = model => {
  let following = false, last = 0;
  const write = link => {
    if (link === location.hash.slice(1)) return;
    const how = following || Date.now() - last < STEP ? 'replaceState' : 'pushState';
    last = following ? 0 : Date.now();
    history[how](null, '', link ? `#${link}` : location.pathname + location.search);
  };
  const follow = () => {
    following = true;
    model.send({link: location.hash.slice(1)});
  };
  const changed = () => write(model.get('link'));
  const followed = message => {
    write(message.link);
    following = false;
  };
  model.on('change:link', changed);
  model.on('msg:custom', followed);
  window.addEventListener('popstate', follow);
  if (location.hash.length > 1) follow();
  return () => {
    model.off('change:link', changed);
    model.off('msg:custom', followed);
    window.removeEventListener('popstate', follow);
  };
};

const copied = async (button, text, instead) => {
  const words = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = words.replace(/^Copy (.)(.*)/, (_, first, rest) =>
      `${first.toUpperCase()}${rest} copied`);
  } catch {
    button.textContent = instead;
  }
  setTimeout(() => { button.textContent = words; }, 2000);
};

// A report takes seconds: a bar says that it is being written, until its link or an error is there.
const writing = board => {
  const place = board.querySelector('.ua-file');
  if (place.querySelector('progress')) return;
  const bar = document.createElement('progress');
  bar.setAttribute('aria-label', 'Writing the report');
  const done = new MutationObserver(() => {
    if (!place.querySelector('.ua-save, [role=alert]') && board.isConnected) return;
    bar.remove();
    done.disconnect();
  });
  done.observe(place.querySelector('.widget-html-content') ?? place, {childList: true});
  place.prepend(bar);
};

// Rows go by the column that is clicked, numbers by their value, and back to front at a second click.
const sorted = head => {
  const body = head.closest('table').tBodies[0], place = head.cellIndex;
  const down = head.getAttribute('aria-sort') === 'ascending';
  const value = row => row.cells[place].textContent;
  const number = row => parseFloat(value(row).replace(/,/g, '').replace('−', '-'));
  const rows = [...body.rows];
  const counted = rows.every(row => /^[-+−]?[\d,.]+( %| points)?$|^$/.test(value(row)));
  rows.sort((a, b) => counted
    ? (number(a) || 0) - (number(b) || 0)
    : value(a).localeCompare(value(b), undefined, {numeric: true}));
  body.append(...(down ? rows.reverse() : rows));
  for (const other of head.parentElement.cells) other.removeAttribute('aria-sort');
  head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
};

// JupyterLab, Notebook, Voila and VS Code each say in their own way that they are dark.
const shaded = (board, model) => {
  const media = matchMedia('(prefers-color-scheme: dark)'), body = document.body;
  const look = () => {
    const {jpThemeLight, vscodeThemeKind} = body.dataset;
    board.classList.toggle('ua-dark', jpThemeLight === 'false' ||
      body.classList.contains('theme-dark') || (vscodeThemeKind ?? '').includes('dark') ||
      (model.get('in_app') && media.matches));
  };
  media.addEventListener('change', look);
  new MutationObserver(look).observe(body, {attributes: true});
  look();
};

const adopted = (board, model) => {
  if (board.dataset.uaAdopted) return;
  board.dataset.uaAdopted = 'true';
  shaded(board, model);
  board.addEventListener('focusin', event =>
    event.target.setAttribute('data-lm-suppress-shortcuts', 'true'));
  const say = () => {
    named(board);
    mourned(board, model);
  };
  new MutationObserver(say).observe(board, {
    subtree: true, childList: true, attributes: true, attributeFilter: ['class'],
  });
  say();
};

// Ids are of a whole page, and the style sheet of an SVG is too.
const apart = (svg, prefix) => svg.slice(svg.indexOf('<svg'))
  .replace(/(\bid="|url\(#|xlink:href="#)/g, `$1${prefix}`)
  .replace('<style type="text/css">*{', '<style type="text/css">.ua-figure svg *{');

const render = ({model, el}) => {
  const prefix = `ua${++views}-`;
  const frame = document.createElement('div'), holder = document.createElement('div');
  frame.className = 'ua-frame';
  frame.append(holder);
  el.append(frame);
  const settled = () => el.classList.remove('ua-busy');
  let dimming = 0;
  const dimmed = () => {
    el.classList.add('ua-busy');
    clearTimeout(dimming);
    dimming = setTimeout(settled, PATIENCE);
  };
  const told = content => {
    dimmed();
    model.send(content);
  };
  const points = pointable(frame, () => holder.firstElementChild ?? holder, {
    choose: key => told({choose: key}),
    back: () => told({back: true}),
  });
  const drawn = () => {
    holder.innerHTML = apart(model.get('svg'), prefix);
    const svg = holder.firstElementChild;
    if (svg) {
      svg.removeAttribute('height');
      svg.setAttribute('width', '100%');
      svg.setAttribute('role', 'img');
      svg.setAttribute('aria-label', model.get('alt'));
    }
    points([]);
  };
  const pointed = () => points(JSON.parse(model.get('points') || '{}').points ?? []);
  model.on('change:svg', drawn);
  model.on('change:points', pointed);
  model.on('change:turn', settled);
  // The view of an anywidget takes the classes of its model when it is made, not later.
  model.on('change:_dom_classes', () => {
    for (const name of ['ua-waiting', 'ua-stale']) {
      el.classList.toggle(name, model.get('_dom_classes').includes(name));
    }
  });
  drawn();
  pointed();
  const busy = event => {
    const place = event.type === 'click' ? '.ua-tab button:not(.mod-active)' : '.ua-labelled';
    if (event.target.closest(place) && !event.target.closest('.ua-how-many, [class*=ua-find]')) {
      dimmed();
    }
  };
  let board = null, timer = 0;
  const sized = new ResizeObserver(() => {
    const width = board.clientWidth;
    if (width > 0 && width < PHONE !== model.get('narrow')) {
      model.set('narrow', width < PHONE);
      model.save_changes();
    }
  });
  let leave = () => {};
  const clicked = event => {
    const on = name => event.target.closest(name);
    const card = on('.ua-card'), link = on('.ua-copy-link'), code = on('.ua-copy-python');
    if (link) copied(link, location.href, 'Copy the address of this page instead');
    if (code) {
      const lines = board.querySelector('.ua-python pre')?.textContent ?? '';
      copied(code, lines, 'Open "As Python" and copy from there');
    }
    if (on('.ua-table th')) sorted(on('.ua-table th'));
    if (on('button.ua-report:not(:disabled)')) writing(board);
    if (card) {
      dimmed();
      model.send({view: card.dataset.view});
    }
  };
  const typed = event => {
    if (event.key === 'Enter' && event.target.matches('.ua-table th')) clicked(event);
  };
  const attach = () => {
    board = el.closest('.ua-explorer');
    if (!board) {
      timer = setTimeout(attach, 50);
      return;
    }
    adopted(board, model);
    board.addEventListener('change', busy);
    board.addEventListener('click', busy, true); // before the button becomes the chosen one
    board.addEventListener('click', clicked);
    board.addEventListener('keydown', typed);
    sized.observe(board);
    const state = sessionStorage.getItem('ua-state');
    if (state) {
      sessionStorage.removeItem('ua-state');
      model.send({state: JSON.parse(state)});
    }
    if (model.get('in_app') && document.querySelector('.ua-explorer') === board) {
      board.classList.add('ua-app');
      leave = addressed(model);
    }
  };
  attach();
  return () => {
    clearTimeout(timer);
    sized.disconnect();
    board?.removeEventListener('change', busy);
    board?.removeEventListener('click', busy, true);
    board?.removeEventListener('click', clicked);
    board?.removeEventListener('keydown', typed);
    leave();
    model.off('change:svg', drawn);
    model.off('change:points', pointed);
    model.off('change:turn', settled);
  };
};

export default {render};
