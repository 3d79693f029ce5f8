// The drawer shows a quick look that the server sent; the link beside it is the whole page.
export function drawer() {
  const box = document.getElementById('drawer'), inside = document.getElementById('drawer-inside'), whole = document.getElementById('drawer-whole');
  if (!box) return;
  let last = '';
  document.addEventListener('click', e => {
    const peek = e.target.closest('.peek');
    if (peek) last = peek.getAttribute('href');
    if (e.target.closest('[data-close=drawer]') || e.target === box) box.close();
  });
  document.addEventListener('htmx:after:swap', () => {
    if (!last || !inside.childElementCount) return;
    whole.href = last;
    last = '';
    if (!box.open) box.showModal();
  });
}
