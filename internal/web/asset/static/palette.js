// The command palette: ctrl or command with k. The server answers with the options; this moves among them.
export function palette() {
  const box = document.getElementById('palette'), q = document.getElementById('palette-q'), list = document.getElementById('palette-list');
  if (!box) return;
  const options = () => [...list.querySelectorAll('[role=option]')];
  const at = () => options().findIndex(o => o.getAttribute('aria-selected') === 'true');
  function pick(n) {
    const all = options();
    if (!all.length) return q.removeAttribute('aria-activedescendant');
    n = (n + all.length) % all.length;
    all.forEach((o, i) => o.setAttribute('aria-selected', String(i === n)));
    q.setAttribute('aria-activedescendant', all[n].id);
    all[n].scrollIntoView({ block: 'nearest' });
  }
  // What stands in the list may answer an earlier word: Enter then waits for the answer to the last one.
  let fresh = false, going = false;
  function go() {
    const o = options()[Math.max(0, at())];
    if (o && !o.hasAttribute('aria-disabled')) location.href = o.dataset.href;
    else q.form.submit();
  }
  function open() {
    if (box.open) return;
    box.showModal();
    q.value = '';
    q.dispatchEvent(new Event('look'));
    q.focus();
  }
  document.addEventListener('keydown', e => {
    if ((e.metaKey || e.ctrlKey) && e.key.toLowerCase() === 'k') { e.preventDefault(); box.open ? box.close() : open(); }
  });
  document.addEventListener('click', e => {
    if (e.target.closest('[data-open=palette]')) { e.preventDefault(); open(); }
    if (e.target === box) box.close();
  });
  q.addEventListener('keydown', e => {
    if (e.key === 'ArrowDown') { e.preventDefault(); pick(at() + 1); }
    if (e.key === 'ArrowUp') { e.preventDefault(); pick(at() - 1); }
  });
  q.form.addEventListener('submit', e => { e.preventDefault(); fresh ? go() : going = true; });
  q.addEventListener('input', () => { fresh = going = false; });
  list.addEventListener('click', e => { const o = e.target.closest('[role=option]'); if (o) location.href = o.dataset.href; });
  document.addEventListener('htmx:after:swap', () => {
    if (!box.open) return;
    fresh = true;
    pick(0);
    if (going) go();
  });
}
