// What a script adds to the policy editor: the text as it reads, buttons, a count of words, and a preview that follows.
// Without it the textarea and the button Preview do the same work. The textarea always holds the text that is saved.
const form = document.querySelector('[data-editor]');
const area = form?.querySelector('#text');

if (area) {
  const bar = form.querySelector('[data-toolbar]');
  const count = form.querySelector('[data-count]');
  bar.hidden = false;

  // Replaces the selection, so that the browser's own undo takes it back.
  const put = (from, to, text, select = [text.length, text.length]) => {
    area.focus();
    area.setSelectionRange(from, to);
    document.execCommand('insertText', false, text) || area.setRangeText(text, from, to, 'end');
    area.setSelectionRange(from + select[0], from + select[1]);
    area.dispatchEvent(new Event('input', { bubbles: true }));
  };
  const around = (mark, word) => {
    const { selectionStart: a, selectionEnd: b, value } = area;
    const inside = value.slice(a, b) || word;
    put(a, b, mark + inside + mark, [mark.length, mark.length + inside.length]);
  };
  const lines = first => {
    const { value } = area;
    const a = value.lastIndexOf('\n', area.selectionStart - 1) + 1;
    const b = value.indexOf('\n', area.selectionEnd) < 0 ? value.length : value.indexOf('\n', area.selectionEnd);
    const text = value.slice(a, b).split('\n').map((l, i) => first(i) + l).join('\n');
    put(a, b, text);
  };
  const acts = {
    bold: () => around('**', 'strong'),
    italic: () => around('*', 'stressed'),
    heading: () => lines(() => '## '),
    list: () => lines(() => '- '),
    numbers: () => lines(i => `${i + 1}. `),
    quote: () => lines(() => '> '),
    table: () => put(area.selectionEnd, area.selectionEnd, '\n\n| Name | Value |\n|---|---|\n|  |  |\n\n', [4, 8]),
    link: () => {
      const { selectionStart: a, selectionEnd: b, value } = area;
      const text = value.slice(a, b) || 'text';
      put(a, b, `[${text}](https://)`, [text.length + 3, text.length + 11]);
    },
  };
  // The rich editor writes into the textarea only what the reader changed: a text that was merely looked at stays as it was.
  const surface = form.querySelector('[data-rich]');
  const mode = bar.querySelector('[data-mode]');
  let rich;
  const open = async () => {
    const { edit } = await import(surface.dataset.rich);
    surface.replaceChildren();
    rich = await edit(surface, area.value, area.labels[0].textContent, text => {
      area.value = text;
      form.dispatchEvent(new Event('input', { bubbles: true }));
    });
    surface.hidden = false;
    area.hidden = true;
    mode.textContent = 'Markdown';
  };
  const close = async () => {
    await rich?.close();
    rich = undefined;
    surface.hidden = true;
    area.hidden = false;
    mode.textContent = 'As it reads';
  };
  mode.addEventListener('click', () => {
    localStorage.setItem('editor', rich ? 'markdown' : 'rich');
    (rich ? close() : open()).catch(close);
  });
  if (localStorage.getItem('editor') !== 'markdown') open().catch(close);

  bar.addEventListener('click', e => {
    const name = e.target.closest('[data-md]')?.dataset.md;
    if (name && rich) rich.act(name); else acts[name]?.();
  });
  area.addEventListener('keydown', e => {
    const act = (e.ctrlKey || e.metaKey) && { b: 'bold', i: 'italic' }[e.key];
    if (act) { e.preventDefault(); acts[act](); }
  });

  let saved = new URLSearchParams(new FormData(form)).toString();
  const changed = () => new URLSearchParams(new FormData(form)).toString() !== saved;
  const told = () => {
    const words = area.value.split(/\s+/).filter(Boolean).length;
    count.textContent = `${words} words${changed() ? ' · not saved' : ''}`;
  };
  let timer, asked = 0;
  const preview = async () => {
    const mine = ++asked;
    const body = new URLSearchParams(new FormData(form));
    body.set('do', 'preview');
    const answer = await fetch(form.action, { method: 'POST', body, redirect: 'error' }).catch(() => null);
    if (!answer?.ok || mine !== asked) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('preview');
    const shown = document.getElementById('preview');
    if (fresh && shown) shown.replaceWith(fresh); else if (fresh) form.after(fresh);
  };
  form.addEventListener('input', () => {
    told();
    clearTimeout(timer);
    if (document.getElementById('preview')) timer = setTimeout(preview, 500);
  });
  form.addEventListener('submit', e => {
    if (e.submitter?.value === 'preview') {
      e.preventDefault();
      preview().then(() => document.getElementById('preview')?.scrollIntoView({ behavior: 'smooth' }));
    } else {
      saved = new URLSearchParams(new FormData(form)).toString();
    }
  });
  addEventListener('beforeunload', e => { if (changed()) e.preventDefault(); });
  told();
}
