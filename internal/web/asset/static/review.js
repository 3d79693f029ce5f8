// The lines of an access review by keyboard: arrows move between rows, k keeps, m modifies, r removes and goes on, Enter goes to why, and back.
for (const form of document.querySelectorAll('[data-review]')) {
  const boxes = () => [...form.querySelectorAll('[data-decide]')];
  const go = (from, step) => { const all = boxes(), at = all.indexOf(from) + step; all[Math.max(0, Math.min(all.length - 1, at))]?.focus(); };
  const mine = e => e.target.closest('tr')?.querySelector('[data-decide]');
  form.addEventListener('keydown', e => {
    if ((e.ctrlKey || e.metaKey) && e.key === 's') { e.preventDefault(); form.querySelector('[data-save]')?.click(); return; }
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.target.matches('[data-why]') && (e.key === 'Enter' || e.key === 'Escape')) { e.preventDefault(); mine(e).focus(); return; }
    if (!e.target.matches('[data-decide]')) return;
    const word = { k: 'keep', m: 'modify', r: 'remove' }[e.key.toLowerCase()];
    if (word) {
      e.preventDefault();
      e.stopPropagation();
      if ([...e.target.options].some(o => o.value === word)) e.target.value = word;
      e.target.dispatchEvent(new Event('change', { bubbles: true }));
      go(e.target, 1);
    } else if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
      e.preventDefault();
      go(e.target, e.key === 'ArrowDown' ? 1 : -1);
    } else if (e.key === 'Enter') {
      e.preventDefault();
      e.target.closest('tr').querySelector('[data-why]').focus();
    }
  });
}
