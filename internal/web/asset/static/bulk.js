// Choosing rows: the box in the head chooses all of the page, shift chooses those between, and the bar says how many.
export function bulk() {
  let last = null;
  const boxes = of => [...of.querySelectorAll('td.pick input')];
  document.addEventListener('click', e => {
    const box = e.target.closest('td.pick input');
    if (!box) return;
    const all = boxes(box.closest('table'));
    if (e.shiftKey && last && all.includes(last)) {
      const [a, b] = [all.indexOf(last), all.indexOf(box)].sort((x, y) => x - y);
      for (const x of all.slice(a, b + 1)) x.checked = box.checked;
    }
    last = box;
  });
  document.addEventListener('change', e => {
    if (e.target.matches('[data-pick-all]')) for (const x of boxes(e.target.closest('table'))) x.checked = e.target.checked;
    const form = e.target.closest('[data-bulk]');
    if (form) for (const n of form.querySelectorAll('[data-picked]')) n.textContent = boxes(form).filter(x => x.checked).length;
  });
  // A view is saved as the list stands now: filtering changes the address without loading the page.
  document.addEventListener('submit', e => {
    if (e.target.matches('[data-view]')) e.target.elements.query.value = location.search.slice(1);
  });
}
