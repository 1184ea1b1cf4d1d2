"""Looks at the portal's pages as people with other screens, themes and amounts of data see them.

Usage: python look_at_portal.py URL

For an account without anything, one with one thing of each kind and one with 60, long names and
names from right to left: axe-core finds nothing on any page, desktop and phone, light and dark; at
eight widths no page is wider than its window and no text lies over another; the pages keep to their
own policy; they are light. Prints each step; ends with status 1 and what was found.
"""

import gzip
import importlib.util
import os
import pathlib
import sys
import time
import uuid

import requests
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

PAGE_SECONDS = 20
WIDTHS = (320, 390, 600, 768, 820, 1024, 1280, 1920)
HEIGHT = 900
# View, and whether only contrasts are looked at: the rest doesn't depend on the theme.
VIEWS = (((1280, 800), "light", False), ((390, 844), "dark", False),
         ((1280, 800), "dark", True), ((390, 844), "light", True))
ROWS_BYTES_MAX = 8 << 10
PASSWORD = "quiet harbour lantern 7"
LONG = "a-label-of-sixty-four-characters-without-a-blank-that-may-not-go"
RIGHT_TO_LEFT = "مفتاح الاختبار الأول للتطبيق"
PROVIDERS = ("openai", "anthropic", "google", "mistral", "groq", "deepseek")

STRANGERS_PAGES = ("/", "/sign-up", "/log-in", "/help", "/help/providers", "/help/security",
                   "/help/audit-events", "/status", "/nothing-here")
PAGES = ("/", "/providers", "/providers/new", "/access-tokens", "/audit", "/settings", "/connect",
         "/log-out")
# With every component in every state.
COMPONENTS = "/dev/components"

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


class Account:
    """A person with an account, by the JSON API."""

    def __init__(self, url, name):
        self.url, self.name = url, name
        self.api = requests.Session()
        email = f"{name}-{uuid.uuid4().hex[:8]}@example.org"
        self.post("/api/v1/accounts", email=email, password=PASSWORD, displayName=name)
        session = self.post("/api/v1/sessions", email=email, password=PASSWORD)
        self.api.headers["X-CSRF-Token"] = session["csrfToken"]

    def post(self, path, **fields):
        answer = self.api.post(self.url + path, json=fields, timeout=PAGE_SECONDS)
        check(answer.ok, f"{path}: {answer.status_code} {answer.text}")
        return answer.json()

    def fill(self, count):
        """Stores keys and tokens, some with names that are hard to show."""
        for index in range(count):
            label = LONG if index == 1 else f"label-{index}"
            self.post("/api/v1/provider-configs", provider=PROVIDERS[index % len(PROVIDERS)],
                      label=label, apiKey=f"sk-looked-at-{index:03d}-0123456789abcdefghijkl",
                      storeAnyway=True)
        for index in range(min(count, 12)):
            name = {0: "notebook", 1: RIGHT_TO_LEFT, 2: "n" * 100}.get(index, f"service {index}")
            self.post("/api/v1/access-tokens", name=name, expiresIn="604000s")
        self.wait_for_receipts(count)
        return self

    def wait_for_receipts(self, count):
        """Receipts arrive a moment after what they record."""
        deadline = time.monotonic() + PAGE_SECONDS
        while time.monotonic() < deadline:
            answer = self.api.get(self.url + "/api/v1/audit-events?pageSize=200",
                                  timeout=PAGE_SECONDS).json()
            if len(answer.get("events", [])) > count:
                return
            time.sleep(0.1)
        raise AssertionError("the receipts did not arrive")

    @property
    def first_key(self):
        answer = self.api.get(self.url + "/api/v1/provider-configs", timeout=PAGE_SECONDS).json()
        return answer["providerConfigs"][0]["id"]

    @property
    def newest_entry(self):
        answer = self.api.get(self.url + "/api/v1/audit-events?pageSize=1", timeout=PAGE_SECONDS)
        return answer.json()["events"][0]["id"]

    def compressed_bytes(self, path):
        answer = self.api.get(self.url + path, headers={"Accept-Encoding": "gzip"}, stream=True,
                              timeout=PAGE_SECONDS)
        body = answer.raw.read(decode_content=False)
        check(answer.headers.get("Content-Encoding") == "gzip", f"{path} is not compressed")
        check(b"</html>" in gzip.decompress(body), f"{path} is not whole")
        return len(body)


class Browser:
    """A browser that knows axe, with scripts."""

    def __init__(self, url):
        self.url = url
        options = webdriver.ChromeOptions()
        options.binary_location = os.environ.get("CHATELAINE_TEST_CHROMIUM", "/usr/bin/chromium")
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage",
                         "--disable-gpu", "--no-first-run"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = os.environ.get("CHATELAINE_TEST_CHROMEDRIVER", "/usr/bin/chromedriver")
        self.driver = webdriver.Chrome(options=options, service=Service(driver))
        self.driver.set_page_load_timeout(PAGE_SECONDS)
        self.driver.set_script_timeout(PAGE_SECONDS)
        folder = pathlib.Path(importlib.util.find_spec("axe_playwright_python").origin).parent
        self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {
            "source": folder.joinpath("axe.min.js").read_text()})

    def become(self, account):
        self.driver.get(self.url + "/robots.txt")
        self.driver.delete_all_cookies()
        for cookie in account.api.cookies if account else ():
            self.driver.add_cookie({"name": cookie.name, "value": cookie.value, "path": "/"})

    def show(self, size, theme=None):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False})
        if theme:
            self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
                # Without motion: colours are measured, and must not be on their way.
                "features": [{"name": "prefers-color-scheme", "value": theme},
                             {"name": "prefers-reduced-motion", "value": "reduce"}]})

    def look(self, path, who):
        """Everything that is wrong with one page."""
        self.driver.get(self.url + path)
        found = []
        for size, theme, only_contrast in VIEWS:
            self.show(size, theme)
            options = CONTRAST if only_contrast else EVERYTHING
            found += [f"{path} of {who}, {size[0]} {theme}: {text}" for text in
                      self.driver.execute_async_script(AXE.replace("OPTIONS", options))]
        for width in WIDTHS:
            self.show((width, HEIGHT))
            found += [f"{path} of {who} at {width}: {text}"
                      for text in self.driver.execute_script(OVERLAPS)]
        return found

    def broken_policies(self):
        return [entry["message"] for entry in self.driver.get_log("browser")
                if "Content Security Policy" in entry["message"]
                or "TrustedScript" in entry["message"]]


def check(condition, reason):
    if not condition:
        raise AssertionError(reason)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    url = sys.argv[1].rstrip("/")
    begin = time.monotonic()
    accounts = [Account(url, "nothing"), Account(url, "one").fill(1), Account(url, "many").fill(60)]
    weight = accounts[2].compressed_bytes("/audit")
    print(f"25 rows of the log: {weight} bytes", flush=True)
    check(weight <= ROWS_BYTES_MAX, f"25 rows of the log are {weight} bytes")
    browser = Browser(url)
    found = []
    try:
        for account in [None, *accounts]:
            browser.become(account)
            name = account.name if account else "a stranger"
            pages = list(PAGES if account else STRANGERS_PAGES)
            if account is accounts[0]:
                pages.append(COMPONENTS)
            if account in accounts[1:]:
                key = account.first_key
                pages += [f"/providers/{key}", f"/providers/{key}/delete",
                          f"/audit/{account.newest_entry}",
                          "/audit?outcome=failure&text=nothing-like-it&since=2026-01-01"]
            for path in pages:
                found += browser.look(path, name)
            print(f"{name}: {len(pages)} pages, {time.monotonic() - begin:.0f} s", flush=True)
        found += browser.broken_policies()
    finally:
        browser.driver.quit()
    for text in found:
        print(f"FOUND: {text}", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
