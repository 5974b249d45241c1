// Each figure has two drawings, of which the page shows one, and the points of both.
for (const frame of document.querySelectorAll('.ua-frame')) {
  const found = JSON.parse(frame.nextElementSibling.textContent), {labels} = found;
  const seen = () => frame.querySelector(frame.querySelector('.wide').offsetWidth ? '.wide' : '.narrow');
  const show = pointable(frame, seen);
  let kind = '';
  const size = () => {
    if (seen().className === kind) return;
    kind = seen().className;
    show(found[kind].map(([x, y, width, height, at]) => ({x, y, width, height, label: labels[at]})));
  };
  addEventListener('resize', size);
  size();
}
