// A form with data-passkey="create" or "get" is sent with what the browser answers for the passkey;
// data-begin is the address that gives the challenge.
const decode = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
const encode = (buffer) => btoa(Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join('')).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

const words = {
  NotAllowedError: 'No passkey was used. Try again, or choose another way.',
  InvalidStateError: 'This device keeps a passkey for your account already.',
  SecurityError: 'Passkeys work only at the address that the portal gives to browsers, and by its name: localhost, not 127.0.0.1.',
};

for (const form of document.querySelectorAll('form[data-passkey]')) {
  const said = document.createElement('p');
  said.className = 'hint';
  said.setAttribute('role', 'status');
  form.append(said);
  if (!window.PublicKeyCredential) {
    said.textContent = 'This browser offers no passkeys here: they need HTTPS, or localhost.';
    continue;
  }
  for (const button of form.querySelectorAll('button[hidden]')) button.hidden = false;
  let isBusy = false;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (isBusy || !form.reportValidity()) return;
    isBusy = true;
    said.textContent = '';
    try {
      await run(form);
    } catch (error) {
      said.textContent = words[error.name] ?? (error instanceof Refused ? error.message : 'That did not work. Try again, or choose another way.');
    }
    isBusy = false;
  });
}

class Refused extends Error {}

async function run(form) {
  const token = form.elements.token?.value;
  const answer = await fetch(form.dataset.begin, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': form.elements.csrf.value },
    body: JSON.stringify(token ? { secondFactorToken: token } : {}),
  });
  if (answer.status === 403 && form.dataset.confirm) return location.assign(form.dataset.confirm);
  const options = await answer.json();
  if (!answer.ok) throw new Refused(options.detail ?? options.title ?? 'That did not work.');
  options.challenge = decode(options.challenge);
  for (const list of [options.allowCredentials, options.excludeCredentials]) {
    for (const credential of list ?? []) credential.id = decode(credential.id);
  }
  const isNew = form.dataset.passkey === 'create';
  if (isNew) options.user.id = decode(options.user.id);
  const credential = isNew
    ? await navigator.credentials.create({ publicKey: options })
    : await navigator.credentials.get({ publicKey: options });
  const { response } = credential;
  const fields = isNew
    ? { clientData: response.clientDataJSON, attestationObject: response.attestationObject }
    : { credentialId: credential.rawId, clientData: response.clientDataJSON, authenticatorData: response.authenticatorData, signature: response.signature, userHandle: response.userHandle };
  for (const [name, value] of Object.entries(fields)) {
    const field = form.elements[name] ?? form.appendChild(Object.assign(document.createElement('input'), { type: 'hidden', name }));
    field.value = value ? encode(value) : '';
  }
  form.submit();
}
