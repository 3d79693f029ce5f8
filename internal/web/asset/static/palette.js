// The command palette: ctrl or command with k. The server answers with the options; this moves among them.
export function palette() {
  const box = document.getElementById('palette'), q = document.getElementById('palette-q'), list = document.getElementById('palette-list');
  if (!box) return;
  const options = () => [...list.querySelectorAll('[role=option]')];
  // Where one was lately, in this tab only: it is forgotten when the tab closes or one signs out.
  const were = () => { try { return JSON.parse(sessionStorage.getItem('were')) ?? []; } catch { return []; } };
  const title = document.querySelector('main h1')?.textContent.trim();
  if (title && !location.pathname.startsWith('/sign-in') && !location.pathname.startsWith('/search'))
    sessionStorage.setItem('were', JSON.stringify([{ href: location.pathname + location.search, title }, ...were().filter(w => w.title !== title)].slice(0, 9)));
  document.querySelector("form[action='/sign-out']")?.addEventListener('submit', () => sessionStorage.removeItem('were'));
  function lately() {
    const past = were().filter(w => w.href !== location.pathname + location.search).slice(0, 5);
    if (q.value || !past.length) return;
    const group = document.createElement('div'), head = document.createElement('span');
    group.setAttribute('role', 'group');
    group.setAttribute('aria-label', 'Where you were');
    head.setAttribute('role', 'presentation');
    head.textContent = 'Where you were';
    group.append(head, ...past.map((w, i) => {
      const o = document.createElement('div'), text = document.createElement('span');
      o.setAttribute('role', 'option');
      o.setAttribute('aria-selected', 'false');
      o.id = 'were-' + i;
      o.dataset.href = w.href;
      text.className = 'grow';
      text.textContent = w.title;
      o.append(text);
      return o;
    }));
    list.prepend(group);
  }
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
  const look = () => q.dispatchEvent(new Event('look'));
  function open() {
    if (box.open) return;
    box.showModal();
    q.value = '';
    look();
    q.focus();
  }
  q.addEventListener('htmx:after:init', () => { if (box.open) look(); }); // who is quicker than htmx waits for it
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
    lately();
    fresh = true;
    pick(0);
    if (going) go();
  });
}
