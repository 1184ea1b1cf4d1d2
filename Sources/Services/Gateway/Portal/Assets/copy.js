// Buttons with data-copy put the text of the element with that id on the clipboard.
for (const button of document.querySelectorAll('button[data-copy]')) {
  const source = document.getElementById(button.dataset.copy);
  if (!source) continue;
  const label = button.textContent;
  const said = document.createElement('span');
  said.className = 'visually-hidden';
  said.setAttribute('role', 'status');
  button.after(said);
  button.hidden = false;
  button.addEventListener('click', async () => {
    const done = await copy(source);
    button.textContent = done ? 'Copied ✓' : 'Press Ctrl+C';
    said.textContent = button.textContent;
    setTimeout(() => { button.textContent = label; said.textContent = ''; }, 2000);
  });
}

async function copy(source) {
  try {
    await navigator.clipboard.writeText(source.value ?? source.textContent);
    return true;
  } catch {
    // Not allowed, or not by HTTPS: what is selected can be copied by hand.
    if (source.select) source.select();
    else getSelection().selectAllChildren(source);
    return false;
  }
}
