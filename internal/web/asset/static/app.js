// What a script adds to pages that work without one. No eval, no inline handlers: the content policy refuses them.
import { palette } from './palette.js';
import { drawer } from './drawer.js';
import { keys } from './keys.js';
import { bulk } from './bulk.js';
import { passkeys } from './passkey.js';

const root = document.documentElement;
root.classList.add('scripted');
palette();
drawer();
keys();
bulk();
passkeys();

// The theme changes at once; the cookie tells the server for the next page.
document.querySelector('[data-theme-form]')?.addEventListener('submit', e => {
  e.preventDefault();
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme:dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
  document.cookie = `theme=${root.dataset.theme};path=/;max-age=31536000;samesite=lax`;
});

document.addEventListener('click', async e => {
  const copy = e.target.closest('[data-copy]');
  if (copy) {
    await navigator.clipboard.writeText(copy.dataset.copy);
    copy.setAttribute('aria-label', 'Copied');
    setTimeout(() => copy.setAttribute('aria-label', 'Copy'), 1500);
  }
  // A popover closes when one clicks elsewhere.
  for (const d of document.querySelectorAll('details.pop[open]')) if (!d.contains(e.target)) d.open = false;
});
document.addEventListener('keydown', e => {
  if (e.key !== 'Escape') return;
  for (const d of document.querySelectorAll('details.pop[open]')) { d.open = false; d.querySelector('summary').focus(); }
});
// a page that shows something half done looks again by itself, unless its reader is in the middle of something
if (document.querySelector('[data-again]')) setTimeout(() => { if (scrollY < 200 && !document.querySelector('dialog[open]') && !document.activeElement?.matches('input,textarea,select')) location.reload(); }, 6000);
// Of a row of steps or tabs that scrolls sideways, the current one is in sight.
for (const now of document.querySelectorAll('.tabs [aria-current],.rail [aria-current]')) {
  const row = now.closest('.tabs,ol');
  if (row.scrollWidth > row.clientWidth) row.scrollLeft = now.offsetLeft - row.offsetLeft - (row.clientWidth - now.offsetWidth) / 2;
}
// A box that takes a key says whose key it is.
document.addEventListener('input', e => {
  const says = document.getElementById(e.target.dataset?.says);
  if (says) says.textContent = [...(e.target.list?.options ?? [])].find(o => o.value === e.target.value)?.text ?? '';
});
document.querySelectorAll('[data-toast]').forEach(t => setTimeout(() => t.contains(document.activeElement) || t.remove(), t.dataset.toast ? 20000 : 6000));
document.querySelectorAll('[data-print]').forEach(b => b.addEventListener('click', () => print()));
