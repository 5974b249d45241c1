// Lets a figure answer a pointer and the arrow keys. `frame` holds a picture of the figure and is
// positioned; `hooks.choose` takes what a point chooses, `hooks.back` undoes the last choice. Without
// hooks, as in a report, values can be read and nothing can be chosen.
const pointable = (frame, picture, hooks = {}) => {
  const NEAR = 40; // a pointer further from every point than so many pixels is at none
  const MOVED = 6; // below so many pixels a press is a click
  const TWICE = 250; // a second click within so many milliseconds makes a double click
  const added = name => {
    const element = document.createElement('div');
    element.className = name;
    frame.append(element);
    return element;
  };
  const ring = added('ua-point'), span = added('ua-span');
  const tip = added('ua-tip'), live = added('ua-live');
  tip.setAttribute('aria-hidden', 'true');
  live.setAttribute('aria-live', 'polite');
  let points = [], at = -1, press = null, waiting = 0, touched = -1, finger = false;

  const area = () => {
    const own = frame.getBoundingClientRect(), box = picture().getBoundingClientRect();
    return {left: box.left - own.left, top: box.top - own.top, width: box.width, height: box.height,
      x: box.left, y: box.top, whole: own.width};
  };
  const nearest = event => {
    const box = area();
    const x = event.clientX - box.x, y = event.clientY - box.y;
    let best = -1, least = NEAR;
    points.forEach((point, place) => {
      const across = Math.max(Math.abs(point.x * box.width - x) - point.width * box.width / 2, 0);
      const up = Math.max(Math.abs(point.y * box.height - y) - point.height * box.height / 2, 0);
      const far = Math.hypot(across, up);
      if (far < least) [best, least] = [place, far];
    });
    return best;
  };
  const hide = () => {
    at = -1;
    ring.style.display = tip.style.display = 'none';
  };
  const show = (place, spoken) => {
    if (place < 0) return hide();
    at = place;
    const point = points[place], box = area();
    const wide = Math.max(point.width * box.width, 12), tall = Math.max(point.height * box.height, 12);
    const x = box.left + point.x * box.width, y = box.top + point.y * box.height;
    ring.classList.toggle('ua-cell', point.width > 0);
    ring.style.cssText = `display:block;left:${x - wide / 2}px;top:${y - tall / 2}px;`
      + `width:${wide}px;height:${tall}px`;
    tip.textContent = point.label;
    tip.style.cssText = `display:block;left:0;top:0;max-width:${Math.min(box.whole - 8, 340)}px`;
    const size = tip.getBoundingClientRect();
    const left = Math.min(Math.max(x - size.width / 2, 4), Math.max(box.whole - size.width - 4, 4));
    const above = y - tall / 2 - size.height - 8;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 0 ? above : y + tall / 2 + 8}px`;
    if (spoken) live.textContent = point.label;
  };
  const choosing = key => hooks.choose && Object.keys(key).length > 0;
  const chosen = place => {
    if (place >= 0 && choosing(points[place].key)) hooks.choose(points[place].key);
  };
  const days = (from, to) => points.filter(
    point => point.key.first && point.x >= Math.min(from, to) && point.x <= Math.max(from, to));

  const started = event => {
    finger = event.pointerType === 'touch';
    if (event.button || event.target.closest('text')) return; // text can be selected
    const box = area();
    press = {x: event.clientX, share: (event.clientX - box.x) / box.width, moved: false};
  };
  const moved = event => {
    if (press && hooks.choose && event.buttons) {
      press.moved ||= Math.abs(event.clientX - press.x) > MOVED;
      const box = area(), to = (event.clientX - box.x) / box.width;
      if (press.moved && points.some(point => point.key.first)) {
        if (frame.setPointerCapture && !frame.hasPointerCapture(event.pointerId)) {
          frame.setPointerCapture(event.pointerId);
        }
        event.preventDefault();
        const least = Math.min(press.share, to);
        span.style.cssText = `display:block;left:${box.left + least * box.width}px;top:${box.top}px;`
          + `width:${Math.abs(to - press.share) * box.width}px;height:${box.height}px`;
        const within = days(press.share, to).map(point => point.key);
        if (within.length) {
          const firsts = within.map(key => key.first).sort(), lasts = within.map(key => key.last).sort();
          press.days = {first: firsts[0], last: lasts[lasts.length - 1]};
          tip.textContent = `${press.days.first} to ${press.days.last}`;
        } else {
          press.days = null;
        }
        return;
      }
    }
    const place = nearest(event);
    frame.style.cursor = place >= 0 && choosing(points[place].key) ? 'pointer' : '';
    if (event.pointerType !== 'touch') show(place, false);
  };
  const ended = event => {
    const done = press;
    press = null;
    span.style.display = 'none';
    if (!done || event.type === 'pointercancel') return;
    if (done.moved) {
      if (done.days) hooks.choose(done.days);
      return;
    }
    const place = nearest(event);
    if (event.pointerType === 'touch' && touched !== place) {
      touched = place; // a first touch reads, a second one chooses
      show(place, true);
      return;
    }
    clearTimeout(waiting);
    waiting = setTimeout(() => chosen(place), TWICE);
  };
  // The nearest point straight above or below, and of cells the one in the same column.
  const upright = way => {
    let best = at, least = Infinity;
    points.forEach((point, place) => {
      const up = (point.y - points[at].y) * way, aside = Math.abs(point.x - points[at].x);
      if (up > 1e-6 && up + 20 * aside < least) [best, least] = [place, up + 20 * aside];
    });
    return best;
  };
  const pressed = event => {
    const last = points.length - 1;
    if (last < 0) return;
    const to = {
      ArrowRight: () => Math.min(at + 1, last), ArrowLeft: () => at < 0 ? last : Math.max(at - 1, 0),
      ArrowDown: () => at < 0 ? 0 : upright(1), ArrowUp: () => at < 0 ? 0 : upright(-1),
      Home: () => 0, End: () => last,
    }[event.key];
    if (to) show(to(), true);
    else if (event.key === 'Enter' && at >= 0) chosen(at);
    else if (event.key === 'Escape') hide();
    else if (event.key === 'Backspace' && hooks.back) hooks.back();
    else return;
    event.preventDefault();
  };
  frame.tabIndex = 0;
  frame.setAttribute('role', 'application');
  frame.setAttribute('aria-label', 'Values of the figure: arrow keys walk them');
  frame.addEventListener('pointerdown', started);
  frame.addEventListener('pointermove', moved);
  frame.addEventListener('pointerup', ended);
  frame.addEventListener('pointercancel', ended);
  frame.addEventListener('pointerleave', event => {
    if (event.pointerType !== 'touch') hide(); // a finger leaves with the end of each tap
  });
  frame.addEventListener('blur', hide);
  frame.addEventListener('keydown', pressed);
  frame.addEventListener('dblclick', () => {
    if (finger && at >= 0) return; // a second tap on a point chooses it
    clearTimeout(waiting);
    if (hooks.back) hooks.back();
  });
  hide();
  return found => {
    points = found;
    frame.dataset.points = points.length;
    touched = -1;
    hide();
  };
};
