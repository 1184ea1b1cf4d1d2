// Parts of a page with data-live (seconds) are fetched again while the page is looked at, for at most
// an hour: less often while nothing changes or nobody answers, and no more when the session is over.
// As a document, so that nothing is ever read as markup here.
const lookMilliseconds = 3600_000;
const pauseSecondsMax = 15;
const begin = Date.now();

function look(id, seconds, pause) {
  setTimeout(() => {
    const part = document.getElementById(id);
    if (!part || part.dataset.live === undefined || Date.now() - begin > lookMilliseconds) return;
    if (document.hidden || part.contains(document.activeElement)) return look(id, seconds, pause);
    const request = new XMLHttpRequest();
    request.responseType = 'document';
    request.timeout = 10_000;
    request.open('GET', location.href);
    request.onloadend = () => {
      // The log-in page came instead, or a no: there is nothing to look at any more.
      const isElsewhere = request.responseURL && new URL(request.responseURL).pathname !== location.pathname;
      if (isElsewhere || (request.status >= 400 && request.status < 500 && request.status !== 429)) return;
      const fresh = request.status === 200 ? request.response?.getElementById(id) : null;
      const isChanged = fresh && fresh.textContent !== part.textContent;
      if (isChanged) part.replaceWith(document.importNode(fresh, true));
      look(id, seconds, isChanged ? seconds : Math.min(pause * 1.2, pauseSecondsMax));
    };
    request.send();
  }, pause * 1000);
}

for (const part of document.querySelectorAll('[data-live][id]')) {
  const seconds = Number(part.dataset.live) || 5;
  look(part.id, seconds, seconds);
}
