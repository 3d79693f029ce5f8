// Passkeys: the server's options go to the browser, the browser's answer goes back.
async function ask(url, body) {
  const r = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json', Accept: 'application/json' }, body });
  const text = await r.text();
  const answer = text ? JSON.parse(text) : {};
  if (!r.ok) throw new Error(answer.detail ?? 'The server did not accept it.');
  return answer;
}

const steps = {
  create: async (options, form) => {
    const key = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey ?? options) });
    return JSON.stringify({ label: new FormData(form).get('label') ?? '', reply: key.toJSON() });
  },
  get: async options => {
    const key = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey ?? options) });
    return JSON.stringify({ reply: key.toJSON() });
  },
};

export function passkeys() {
  for (const form of document.querySelectorAll('[data-passkey]')) {
    if (!window.PublicKeyCredential?.parseCreationOptionsFromJSON) { form.querySelector('[data-unable]')?.removeAttribute('hidden'); continue; }
    form.querySelector('button').disabled = false;
    form.addEventListener('submit', async e => {
      e.preventDefault();
      const wrong = form.querySelector('[data-wrong]'), button = form.querySelector('button');
      wrong.hidden = true;
      button.disabled = true;
      try {
        const options = await ask(form.dataset.begin, '{}');
        const answer = await ask(form.dataset.finish, await steps[form.dataset.passkey](options, form));
        location.href = answer.to ?? '/';
      } catch (err) {
        wrong.textContent = err.name === 'NotAllowedError' ? 'Nothing was chosen, or it took too long. Try again.' : err.message;
        wrong.hidden = false;
        button.disabled = false;
      }
    });
  }
}
