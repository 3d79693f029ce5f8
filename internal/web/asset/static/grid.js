// The grid of a workpaper by keyboard: arrows move, one key marks and goes on, Delete blanks, Enter goes to the note, and back with Escape.
const tones = { I: 'ok', R: 'ok', O: 'ok', T: 'ok', V: 'ok', X: 'bad', N: 'idle', E: 'warn' };

for (const form of document.querySelectorAll('[data-grid]')) {
  const rows = [...form.querySelectorAll('tbody tr')].map(r => [...r.querySelectorAll('input.cell')]);
  const cells = rows.flat(), by = n => form.elements[n];
  const before = new Map(cells.map(c => [c, c.value]));
  const told = form.querySelector('[data-unsaved]');
  const notes = new Set();
  let at = cells[0];

  const where = c => { const y = rows.findIndex(r => r.includes(c)); return [y, rows[y].indexOf(c)]; };
  const go = (y, x) => {
    const c = rows[Math.max(0, Math.min(rows.length - 1, y))]?.[Math.max(0, Math.min(rows[0].length - 1, x))];
    c?.focus();
    c?.select();
  };
  const tell = () => {
    const n = cells.filter(c => c.value !== before.get(c)).length + notes.size;
    told.textContent = n ? n + (n === 1 ? ' change not saved' : ' changes not saved') : '';
    return n;
  };
  const mark = (c, letter) => {
    c.value = letter;
    c.className = 'cell ' + (tones[letter] ?? '');
    c.setAttribute('aria-label', c.getAttribute('aria-label').replace(/: .*/, ': ' + (letter || 'blank')));
    tell();
  };
  for (const c of cells) c.tabIndex = c === at ? 0 : -1;

  // The cell that the keys and the note are about.
  const stand = c => {
    at.tabIndex = -1;
    (at = c).tabIndex = 0;
    const [, item, attribute] = at.name.split('|');
    by('cell.item').value = item;
    by('cell.attribute').value = attribute;
    by('cell.note').value = at.dataset.note ?? '';
    by('cell.evidence').value = at.dataset.evidence ?? '';
    document.getElementById('cell-fact').textContent = at.dataset.fact ? 'A rule says: ' + at.dataset.fact.replace('_', ' ') : '';
  };
  form.addEventListener('focusin', e => { if (cells.includes(e.target)) stand(e.target); });
  form.addEventListener('keydown', e => {
    if ((e.ctrlKey || e.metaKey) && e.key === 's') { e.preventDefault(); form.querySelector('[data-save]').click(); return; }
    if (e.key === 'Escape' && /^cell[.]/.test(e.target.name ?? '')) { at.focus(); return; }
    if (/^cell[.](note|evidence)$/.test(e.target.name ?? '') && e.key === 'Enter') { e.preventDefault(); e.target.dispatchEvent(new Event('change', { bubbles: true })); at.focus(); return; }
    if (!cells.includes(e.target) || e.ctrlKey || e.metaKey || e.altKey) return;
    if (at !== e.target) stand(e.target);
    const [y, x] = where(e.target), step = { ArrowUp: [y - 1, x], ArrowDown: [y + 1, x], ArrowLeft: [y, x - 1], ArrowRight: [y, x + 1], Home: [y, 0], End: [y, rows[y].length - 1] }[e.key];
    if (step) { e.preventDefault(); go(...step); return; }
    if (e.key === 'Enter') { e.preventDefault(); by('cell.note').focus(); return; }
    if (e.key === 'Delete' || e.key === 'Backspace') { e.preventDefault(); mark(e.target, ''); return; }
    if (e.key.length !== 1) return;
    e.preventDefault();
    const letter = e.key.toUpperCase();
    if (!(letter in tones)) { told.textContent = e.key + ' is no mark'; return; }
    mark(e.target, letter);
    x + 1 < rows[y].length ? go(y, x + 1) : go(y + 1, y + 1 < rows.length ? 0 : x);
  });
  // A note stands with its cell until all is saved at once.
  form.addEventListener('change', e => {
    const what = { 'cell.note': 'note', 'cell.evidence': 'evidence' }[e.target.name];
    if (!what || !at) return;
    const name = what[0] + at.name.slice(1);
    let kept = by(name);
    if (!kept) { kept = document.createElement('input'); kept.type = 'hidden'; kept.name = name; form.append(kept); }
    kept.value = at.dataset[what] = e.target.value;
    notes.add(name);
    tell();
  });
  let saving = false;
  form.addEventListener('submit', () => { saving = true; });
  addEventListener('beforeunload', e => { if (!saving && tell()) e.preventDefault(); });
}
