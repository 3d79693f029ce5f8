// Keys in lists: / to filter, j and k to move, Enter to open, p for a quick look, x to choose; ? shows them all.
const typing = e => /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName) && e.target.type !== 'checkbox' || e.target.isContentEditable;

export function keys() {
  const help = document.getElementById('keys');
  const rowNow = rows => rows.findIndex(r => r.contains(document.activeElement));
  document.addEventListener('keydown', e => {
    if (typing(e) || e.metaKey || e.ctrlKey || e.altKey || document.querySelector('dialog[open]')) return;
    if (e.key === '?') help?.showModal();
    if (e.key === '/') {
      const q = document.getElementById('q') ?? document.getElementById('where');
      if (q) { e.preventDefault(); q.focus(); q.select(); }
    }
    const rows = [...document.querySelectorAll('main tbody tr:has(a)')];
    if ((e.key === 'j' || e.key === 'k') && rows.length) {
      const next = Math.min(rows.length - 1, Math.max(0, rowNow(rows) + (e.key === 'j' ? 1 : -1)));
      e.preventDefault();
      rows[next].querySelector('a').focus();
    }
    if (e.key === 'x') rows[rowNow(rows)]?.querySelector('.pick input')?.click();
    if (e.key === 'p') document.activeElement.closest('tr')?.querySelector('.peek')?.click();
  });
  document.addEventListener('click', e => {
    if (e.target === help || e.target.closest('[data-close=keys]')) help.close();
    if (e.target.closest('[data-open=keys]')) help.showModal();
  });
}
