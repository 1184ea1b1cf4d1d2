// Parts of a page with data-live (seconds) are fetched again while the page is looked at, for at most
// an hour. As a document, so that nothing is ever read as markup here.
const lookMilliseconds = 3600_000;
const begin = Date.now();

function look(id, seconds) {
  setTimeout(() => {
    const part = document.getElementById(id);
    if (!part || part.dataset.live === undefined || Date.now() - begin > lookMilliseconds) return;
    if (document.hidden || part.contains(document.activeElement)) return look(id, seconds);
    const request = new XMLHttpRequest();
    request.responseType = 'document';
    request.timeout = 10_000;
    request.open('GET', location.href);
    request.onloadend = () => {
      const fresh = request.status === 200 ? request.response?.getElementById(id) : null;
      if (fresh && fresh.textContent !== part.textContent) part.replaceWith(document.importNode(fresh, true));
      if (request.status !== 200 && request.status !== 0 && request.status < 500) return;
      look(id, seconds);
    };
    request.send();
  }, seconds * 1000);
}

for (const part of document.querySelectorAll('[data-live][id]')) look(part.id, Number(part.dataset.live) || 5);
