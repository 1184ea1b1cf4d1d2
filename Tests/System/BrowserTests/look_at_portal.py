"""Looks at the portal's pages as people with other screens, themes and amounts of data see them.

Usage: python look_at_portal.py PROGRAMS [--wide]

Starts a portal from the folder PROGRAMS. axe-core finds nothing on any page, desktop and phone,
light and dark; no page is wider than its window, no text lies over another, with letters of twice
the size too; the pages keep to their own policy; they are light. `--wide` looks at every page for an
account without anything, one with one thing of each kind, one with 60, and one whose names are long
or from right to left, at eight widths; without it, at fewer accounts and widths. Prints each step;
ends with status 1 and what was found.
"""

import gzip
import importlib.util
import pathlib
import subprocess
import sys
import time

import requests

from browsing import PAGE_SECONDS, broken_policies, check, chromium

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "scripts"))
import portal  # noqa: E402  (beside the scripts that use it too)

WIDTHS, FEW_WIDTHS = (320, 390, 600, 768, 820, 1024, 1280, 1920), (320, 768, 1280)
# Of the window, when letters have twice their size.
LARGE_WIDTHS, FEW_LARGE_WIDTHS = (640, 1280), (640,)
HEIGHT = 900
# View, and whether only contrasts are looked at: the rest doesn't depend on the theme.
VIEWS = (((1280, 800), "light", False), ((390, 844), "dark", False),
         ((1280, 800), "dark", True), ((390, 844), "light", True))
FEW_VIEWS = VIEWS[1:3]
ROWS_BYTES_MAX = 8 << 10
PASSWORD = "quiet harbour lantern 7"
LONG = "a-label-of-sixty-four-characters-without-a-blank-that-may-not-go"
RIGHT_TO_LEFT = "مفتاح الاختبار الأول للتطبيق"
LONG_ADDRESS = "a-long-part-before-the-sign-that-an-address-may-have-of-64-bytes"
PROVIDERS = ("openai", "anthropic", "google", "mistral", "groq", "deepseek")
FILE = "\n".join(("OPENAI_API_KEY=sk-q9ZkW3r7Tt1LmB8xVn2c", "GROQ_API_KEY=gsk_q9ZkW3r7Tt1LmB8xVn2c",
                  "ANTHROPIC_API_KEY=YOUR_API_KEY", "DATABASE_URL=postgres://u:p@db/x", "=x"))

# Addresses, or a page and the form of it that is sent with mistakes: its action, and what to type.
STRANGERS_PAGES = (
    "/", "/sign-up", "/sign-up?invitation=abc", "/log-in", "/log-in/code", "/forgot-password",
    "/reset-password", "/reset-password?token=abc", "/confirm", "/confirm?token=abc", "/help",
    "/help/providers", "/help/security", "/help/audit-events", "/status", "/api/docs",
    "/nothing-here", "/log-out",
    ("/sign-up", "/sign-up", {"email": "nobody"}), ("/log-in", "/log-in", {"email": "a@b.example"}),
    ("/forgot-password", "/forgot-password", {}), ("/confirm?token=abc", "/confirm", {}),
    ("/reset-password?token=abc", "/reset-password", {"password": "short"}),
)
PAGES = (
    "/", "/providers", "/providers/new", "/providers/import", "/access-tokens", "/usage",
    "/usage?by=token&days=90", "/usage?by=outcome&days=7", "/audit", "/settings",
    "/settings/security", "/settings/second-factor", "/settings/second-factor/recovery-codes",
    "/settings/passkeys", "/settings/delete", "/confirm-password", "/connect", "/log-out", "/users",
    "/providers/nothing", "/dev/failures/503",
    ("/providers/new", "/providers/new", {"label": "Ü!", "baseUrl": "http://10.0.0.1"}),
    ("/access-tokens", "/access-tokens", {}), ("/providers/import", "/providers/import", {}),
    ("/settings/security", "/settings/security/password", {"newPassword": "short"}),
    ("/confirm-password", "/confirm-password", {}),
    ("/settings/second-factor", "/settings/second-factor", {}),
    ("/providers/import", "/providers/import", {"env": FILE}),
    ("/log-out", "/log-out", {"csrf": "out-of-date"}),
)
# With every component in every state, and every failure there is a page for.
DEVELOPERS_PAGES = ("/dev/components", *(f"/dev/failures/{status}" for status in (
    400, 403, 405, 413, 429, 500, 504, 507)))

# Texts whose boxes intersect, each clipped by what it scrolls in; and whether the page is too wide.
OVERLAPS = """
const boxes = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node; (node = walker.nextNode());) {
  const element = node.parentElement;
  if (!node.data.trim() || !element.checkVisibility({visibilityProperty: true})) continue;
  if (element.closest('.visually-hidden, .skip, option, [popover]')) continue;
  const range = document.createRange();
  range.selectNodeContents(node);
  for (const rect of range.getClientRects()) {
    let [left, top, right, bottom] = [rect.left, rect.top, rect.right, rect.bottom];
    for (let up = element; up; up = up.parentElement) {
      if (getComputedStyle(up).overflowX === 'visible') continue;
      const frame = up.getBoundingClientRect();
      [left, right] = [Math.max(left, frame.left), Math.min(right, frame.right)];
      [top, bottom] = [Math.max(top, frame.top), Math.min(bottom, frame.bottom)];
    }
    if (right - left > 1 && bottom - top > 1) boxes.push({node, left, top, right, bottom});
  }
}
boxes.sort((a, b) => a.top - b.top);
const found = [];
for (let i = 0; i < boxes.length; i++) {
  for (let j = i + 1; j < boxes.length && boxes[j].top < boxes[i].bottom; j++) {
    const [a, b] = [boxes[i], boxes[j]];
    if (a.node === b.node) continue;
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 1.5 && high > 0.3 * Math.min(a.bottom - a.top, b.bottom - b.top))
      found.push(`${a.node.data.trim().slice(0, 40)} / ${b.node.data.trim().slice(0, 40)}`);
  }
}
const width = document.documentElement.scrollWidth;
if (width > innerWidth) found.push(`the page is ${width} wide`);
return found.slice(0, 5);
"""

CONTRAST = "{runOnly: ['color-contrast'], resultTypes: ['violations']}"
EVERYTHING = "{resultTypes: ['violations']}"
AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, OPTIONS).then(
  (answer) => done(answer.violations.flatMap((violation) => violation.nodes.slice(0, 3).map(
    (node) => `${violation.id}: ${node.html.slice(0, 160)}`))),
  (error) => done([String(error)]));
"""


# Fills the page's form for this address, and sends it as a script may: unchecked.
SEND = """
const [action, fields] = arguments;
const forms = [...document.forms].filter((form) => form.getAttribute('action') === action);
const form = forms.find((form) => form.closest('main')) ?? forms[0];
for (const [name, value] of Object.entries(fields)) form.elements[name].value = value;
form.submit();
"""

class Account:
    """A person with an account, by the JSON API."""

    def __init__(self, url, name, address=None, shown=None):
        self.url, self.name = url, name
        self.api = requests.Session()
        self.email = f"{address or name}@example.org"
        self.post("/api/v1/accounts", email=self.email, password=PASSWORD,
                  displayName=shown or name)
        self.log_in()

    def log_in(self):
        session = self.post("/api/v1/sessions", email=self.email, password=PASSWORD)
        self.api.headers["X-CSRF-Token"] = session["csrfToken"]

    def post(self, path, **fields):
        answer = self.api.post(self.url + path, json=fields, timeout=PAGE_SECONDS)
        check(answer.ok, f"{path}: {answer.status_code} {answer.text}")
        return answer.json()

    def get(self, path):
        return self.api.get(self.url + path, timeout=PAGE_SECONDS).json()

    def fill(self, count, upstream, labels=(), names=("notebook",), uses=0):
        """Stores keys and tokens, some with names that are hard to show, and uses some."""
        for index in range(count):
            label = labels[index] if index < len(labels) else f"label-{index}"
            self.post("/api/v1/provider-configs", provider=PROVIDERS[index % len(PROVIDERS)],
                      label=label, apiKey=f"sk-looked-at-{index:03d}-0123456789abcdefghijkl",
                      storeAnyway=True, baseUrl=f"http://{upstream.authority}")
        tokens = [self.post("/api/v1/access-tokens", name=name, expiresIn="604000s")["token"]
                  for name in names]
        for use in range(uses):
            answer = requests.get(
                f"{self.url}/proxy/{PROVIDERS[use % min(count, len(PROVIDERS))]}/v1/models",
                headers={"Authorization": f"Bearer {tokens[use % len(tokens)]}",
                         **({"x-chatelaine-label": labels[0]} if labels and use % 6 == 0 else {})},
                timeout=PAGE_SECONDS)
            check(answer.status_code < 500, f"a use: {answer.status_code} {answer.text}")
        self.wait_for_receipts(count + 2 * uses)
        return self

    def wait_for_receipts(self, count):
        """Receipts arrive a moment after what they record."""
        deadline = time.monotonic() + PAGE_SECONDS
        while time.monotonic() < deadline:
            if len(self.get("/api/v1/audit-events?pageSize=200").get("events", [])) > count:
                return
            time.sleep(0.1)
        raise AssertionError("the receipts did not arrive")

    def pages_of_things(self):
        """The pages about one key, token and entry each."""
        key = self.get("/api/v1/provider-configs")["providerConfigs"][0]["id"]
        token = self.get("/api/v1/access-tokens")["accessTokens"][0]["id"]
        entry = self.get("/api/v1/audit-events?pageSize=1")["events"][0]["id"]
        return (f"/providers/{key}", f"/providers/{key}/delete", f"/providers/{key}/enable",
                f"/access-tokens/{token}", f"/access-tokens/{token}/revoke",
                f"/access-tokens/new/{token}", f"/audit/{entry}",
                "/audit?outcome=failure&text=nothing-like-it&since=2026-01-01",
                "/audit?since=2026-02-01&until=2026-01-01&action=no-such",
                (f"/providers/{key}", f"/providers/{key}", {"label": "", "baseUrl": "x"}),
                ("/access-tokens", "/access-tokens", {"name": "just made"}))

    def compressed_bytes(self, path):
        answer = self.api.get(self.url + path, headers={"Accept-Encoding": "gzip"}, stream=True,
                              timeout=PAGE_SECONDS)
        body = answer.raw.read(decode_content=False)
        check(answer.headers.get("Content-Encoding") == "gzip", f"{path} is not compressed")
        check(b"</html>" in gzip.decompress(body), f"{path} is not whole")
        return len(body)


class Browser:
    """A browser that knows axe, with scripts."""

    def __init__(self, url, is_wide):
        self.url = url
        self.widths = WIDTHS if is_wide else FEW_WIDTHS
        self.large_widths = LARGE_WIDTHS if is_wide else FEW_LARGE_WIDTHS
        self.views = VIEWS if is_wide else FEW_VIEWS
        self.driver = chromium()
        folder = pathlib.Path(importlib.util.find_spec("axe_playwright_python").origin).parent
        self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {
            "source": folder.joinpath("axe.min.js").read_text()})

    def become(self, account):
        self.driver.get(self.url + "/robots.txt")
        self.driver.delete_all_cookies()
        # Of a log-in that waits for a code, for the page that asks for it.
        cookies = [("chatelaine-challenge", "chl_nothing")] if not account else [
            (cookie.name, cookie.value) for cookie in account.api.cookies]
        for name, value in cookies:
            self.driver.add_cookie({"name": name, "value": value, "path": "/"})

    def show(self, size, theme=None):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False})
        if theme:
            self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
                # Without motion: colours are measured, and must not be on their way.
                "features": [{"name": "prefers-color-scheme", "value": theme},
                             {"name": "prefers-reduced-motion", "value": "reduce"}]})

    def open(self, page):
        """Goes to an address, or to what comes of a form; returns what it is called."""
        if isinstance(page, str):
            self.driver.get(self.url + page)
            return page
        path, action, fields = page
        self.driver.get(self.url + path)
        old = self.driver.execute_script("return performance.timeOrigin")
        self.driver.execute_script(SEND, action, fields)
        deadline = time.monotonic() + PAGE_SECONDS
        while time.monotonic() < deadline:
            try:
                state = self.driver.execute_script(
                    "return [performance.timeOrigin, document.readyState]")
            except Exception:  # between two documents
                continue
            if state[0] != old and state[1] == "complete":
                return f"{action} with {fields}"
        raise AssertionError(f"the form of {path} was not sent")

    def look(self, page, who):
        """Everything that is wrong with one page."""
        name = self.open(page)
        found = []
        for size, theme, only_contrast in self.views:
            self.show(size, theme)
            options = CONTRAST if only_contrast else EVERYTHING
            found += [f"{name} of {who}, {size[0]} {theme}: {text}" for text in
                      self.driver.execute_async_script(AXE.replace("OPTIONS", options))]
        for width in self.widths:
            self.show((width, HEIGHT))
            found += [f"{name} of {who} at {width}: {text}"
                      for text in self.driver.execute_script(OVERLAPS)]
        self.driver.execute_script("document.documentElement.style.fontSize = '200%'")
        for width in self.large_widths:
            self.show((width, HEIGHT))
            found += [f"{name} of {who} at {width} with large letters: {text}"
                      for text in self.driver.execute_script(OVERLAPS)]
        return found


def make_admin(programs, state, email):
    subprocess.run([f"{programs}/chatelaine", "users", "make-admin", email, "--state-dir", state],
                   check=True, capture_output=True, timeout=PAGE_SECONDS)


def accounts_of(running, programs, upstream, is_wide):
    """What there is to look at, by whom."""
    url = running.address
    many = Account(url, "many").fill(
        60, upstream, labels=("label-0", LONG), uses=24,
        names=["notebook", RIGHT_TO_LEFT, "n" * 100, *(f"service {n}" for n in range(40))])
    make_admin(programs, running.state, many.email)
    many.log_in()
    # Its log is nothing but uses, which say the most.
    used = Account(url, "used").fill(1, upstream, uses=14)
    weight = used.compressed_bytes("/audit")
    print(f"25 rows of the log: {weight} bytes", flush=True)
    check(weight <= ROWS_BYTES_MAX, f"25 rows of the log are {weight} bytes")
    if not is_wide:
        return [many]
    odd = Account(url, "odd", address=LONG_ADDRESS, shown=RIGHT_TO_LEFT).fill(
        2, upstream, labels=(LONG, "x"), names=[RIGHT_TO_LEFT * 2, "w" * 100], uses=4)
    return [Account(url, "nothing"), Account(url, "one").fill(1, upstream, uses=1), many, odd]


def main():
    arguments = [text for text in sys.argv[1:] if text != "--wide"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    (programs,), is_wide = arguments, "--wide" in sys.argv
    begin = time.monotonic()
    found, looked = [], 0
    with portal.Upstream() as upstream:
        settings = {"CHATELAINE_ENDPOINT_ALLOWLIST": upstream.authority}
        with portal.Portal(settings, binaries=programs) as running:
            accounts = accounts_of(running, programs, upstream, is_wide)
            many = next(account for account in accounts if account.name == "many")
            browser = Browser(running.address, is_wide)
            try:
                for account in [None, *accounts]:
                    browser.become(account)
                    name = account.name if account else "a stranger"
                    pages = list(PAGES if account else STRANGERS_PAGES)
                    if account is many:
                        pages += DEVELOPERS_PAGES
                    if account and account.name != "nothing":
                        pages += account.pages_of_things()
                    for page in pages:
                        found += browser.look(page, name)
                    looked += len(pages)
                    print(f"{name}: {len(pages)} pages, {time.monotonic() - begin:.0f} s",
                          flush=True)
                found += broken_policies(browser.driver)
            finally:
                browser.driver.quit()
    for text in found:
        print(f"FOUND: {text}", flush=True)
    print(f"{looked} pages in {len(browser.widths)} widths, {len(browser.views)} views: "
          f"{len(found)} found", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
