// What is pasted into a field for a key loses its quotes, its NAME= and the blanks around it, and a
// known beginning (data-prefixes, with blanks between) chooses the provider.
for (const field of document.querySelectorAll('input[data-paste]')) {
  const said = document.createElement('p');
  said.className = 'hint';
  said.setAttribute('role', 'status');
  field.after(said);
  field.addEventListener('input', () => {
    const clean = field.value.trim().replace(/^(export\s+)?[A-Z][A-Z0-9_]*\s*=\s*/, '').replace(/^(["'`])(.*)\1$/, '$2').trim();
    said.textContent = clean === field.value.trim() ? '' : 'Quotes and name removed.';
    if (clean !== field.value) field.value = clean;
    choose(clean);
  });
}

function choose(key) {
  let best = null;
  for (const choice of document.querySelectorAll('[data-prefixes]')) {
    for (const prefix of choice.dataset.prefixes.split(' ')) {
      if (prefix && key.startsWith(prefix) && prefix.length > (best?.length ?? 0)) best = { choice, length: prefix.length };
    }
  }
  if (!best) return;
  if (best.choice instanceof HTMLOptionElement) best.choice.selected = true;
  else best.choice.checked = true;
}
