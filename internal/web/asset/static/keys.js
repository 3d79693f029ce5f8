// Keys in lists: / to filter, j and k to move, Enter to open, p for a quick look.
const typing = e => /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName) || e.target.isContentEditable;

export function keys() {
  document.addEventListener('keydown', e => {
    if (typing(e) || e.metaKey || e.ctrlKey || e.altKey || document.querySelector('dialog[open]')) return;
    if (e.key === '/') {
      const q = document.getElementById('q') ?? document.getElementById('where');
      if (q) { e.preventDefault(); q.focus(); q.select(); }
    }
    if (e.key === 'j' || e.key === 'k') {
      const rows = [...document.querySelectorAll('main tbody tr:has(a)')];
      if (!rows.length) return;
      const now = rows.findIndex(r => r.contains(document.activeElement));
      const next = Math.min(rows.length - 1, Math.max(0, now + (e.key === 'j' ? 1 : -1)));
      e.preventDefault();
      rows[next].querySelector('a').focus();
    }
    if (e.key === 'p') document.activeElement.closest('tr')?.querySelector('.peek')?.click();
  });
}
