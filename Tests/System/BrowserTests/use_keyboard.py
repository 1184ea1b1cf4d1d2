"""Does everything that a new person does with keys alone: Tab, Shift, arrows, Space, Enter, typing.

Usage: python use_keyboard.py PROGRAMS

Starts a portal from the folder PROGRAMS with a stand-in for a provider. First success: from the
landing page to an answer of the provider through the proxy, and to the page's saying so; prints how
many pages, forms and key presses that took, and how long: the machine's time, measured, and a
person's, added up from the pauses below. Then the pages of the account: password, authenticator
app, recovery codes, sessions, log-out, log-in with a code. Every stop must be visible and marked as
the one that has the keyboard. Ends with status 1 and a reason when a step fails.
"""

import base64
import hashlib
import hmac
import pathlib
import struct
import sys
import time

import requests
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from browsing import PAGE_SECONDS, broken_policies, check, chromium, is_gone

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "scripts"))
import portal  # noqa: E402  (beside the scripts that use it too)

PAGES_MAX = 5
PERSON_SECONDS_MAX = 120
# What a person takes: to look at a new page, to find a field, for a letter, to paste, to bring a
# command into a terminal and run it.
PAGE_PAUSE, FIELD_PAUSE, LETTER_PAUSE, PASTE_PAUSE, TERMINAL_PAUSE = 5.0, 1.0, 0.25, 2.0, 15.0
STOPS_MAX = 150
KEY = "sk-typed-by-keyboard-0123456789abcdefghijkl3f9a"
PASSWORD, NEW_PASSWORD = "quiet harbour lantern 7", "loud mountain candle 8"

FOCUSED = """
const element = document.activeElement;
if (!element || element === document.body) return null;
// A radio button or box may be drawn by its label.
const shown = element.closest('label.card') ?? element;
const style = getComputedStyle(shown), own = getComputedStyle(element);
const box = shown.getBoundingClientRect();
return {
  tag: element.localName, type: element.type ?? '', name: element.name ?? '', id: element.id,
  value: element.value ?? '', checked: element.checked ?? false,
  text: (element.innerText ?? '').trim(), label: element.getAttribute('aria-label') ?? '',
  summary: element.localName === 'summary',
  isVisible: box.width > 0 && box.height > 0 && box.right > 0 && box.left < innerWidth
    && box.bottom > 0 && box.top < innerHeight,
  isMarked: [style, own].some((s) => (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0)
    || s.boxShadow !== 'none'),
};
"""


class Hands:
    """Somebody at a keyboard, who counts."""

    def __init__(self, address):
        self.address = address
        self.browser = chromium("--window-size=1280,900")
        # A person's window keeps the focus; one that is nowhere loses it now and then.
        self.browser.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
        self.pages = self.presses = self.forms = 0
        self.person_seconds = 0.0
        # Where the keyboard has been on this page.
        self.stops = []

    def reload(self):
        self.browser.refresh()
        self.stops = []

    def open(self, path="/"):
        self.browser.get(self.address + path)
        self.arrived()

    def arrived(self):
        self.pages += 1
        self.person_seconds += PAGE_PAUSE
        self.stops = []

    def press(self, *keys):
        actions = ActionChains(self.browser, duration=0)
        for key in keys:
            actions.send_keys(key)
        actions.perform()
        self.presses += len(keys)

    def focused(self):
        return self.browser.execute_script(FOCUSED)

    def tab_to(self, what):
        """Tab until the field, button or link that is called `what` has the keyboard."""
        for _ in range(STOPS_MAX):
            stop = self.focused()
            if stop and what in (stop["name"], stop["text"], stop["label"], stop["id"]):
                check(stop["isVisible"], f"{what} can't be seen: {stop}")
                check(stop["isMarked"], f"{what} doesn't show that it has the keyboard: {stop}")
                self.person_seconds += FIELD_PAUSE
                return stop
            if stop:
                self.stops.append(stop["text"] or stop["name"])
            self.press(Keys.TAB)
        raise AssertionError(f"Tab never comes to {what!r}, but to {self.stops}")

    def type(self, field, text, pasted=False):
        self.tab_to(field)
        self.press(*text)
        self.person_seconds += PASTE_PAUSE if pasted else LETTER_PAUSE * len(text)

    def go(self, what, key=Keys.ENTER):
        """Follow a link or press a button, and wait for the page that it leads to."""
        stop = self.tab_to(what)
        old = self.browser.find_element("tag name", "html")
        self.press(key)
        WebDriverWait(self.browser, PAGE_SECONDS).until(
            lambda _: is_gone(old) and self.is_complete())
        self.forms += stop["tag"] == "button"
        self.arrived()

    def is_complete(self):
        return self.browser.execute_script("return document.readyState") == "complete"

    def text(self):
        return self.browser.find_element("tag name", "body").text

    def expect(self, *words):
        text = self.text()
        for word in words:
            check(word in text, f"{self.browser.current_url} does not say {word!r}: {text[:600]}")

    def wait_for(self, words):
        WebDriverWait(self.browser, PAGE_SECONDS).until(lambda _: words in self.text(), words)


def first_success(hands, email, upstream):
    """From the landing page to an answer of the provider."""
    begin = time.monotonic()
    hands.open()
    hands.go("Create an account")
    hands.type("email", email)
    hands.type("password", PASSWORD)
    hands.go("Create account")
    hands.expect("Your account is ready")
    hands.type("apiKey", KEY, pasted=True)
    chosen = hands.tab_to("provider")
    check(chosen["checked"] and chosen["value"] == "openai", f"the key chose {chosen}")
    hands.tab_to("Another endpoint than the provider's own")
    hands.press(Keys.SPACE)
    hands.type("baseUrl", f"http://{upstream.authority}", pasted=True)
    hands.go("Check and store")
    hands.expect("OpenAI, default", "Works")
    hands.type("name", "notebook")
    hands.go("Create token")
    hands.expect("shown this once")
    token = hands.tab_to("token")["value"]
    answer = requests.get(hands.address + "/proxy/openai/v1/models", timeout=PAGE_SECONDS,
                          headers={"Authorization": f"Bearer {token}"})
    hands.person_seconds += TERMINAL_PAUSE
    check(answer.status_code == 200, f"the proxy says {answer.status_code} {answer.text}")
    check(f"Bearer {KEY}" in upstream.seen, "the provider did not get the key")
    # The page says so by itself.
    hands.wait_for("The first request has arrived")
    machine = time.monotonic() - begin
    print(f"first success: {hands.pages} pages, {hands.forms} forms, {hands.presses} key presses; "
          f"{machine:.1f} s of the machine, {hands.person_seconds:.0f} s of a person", flush=True)
    check(hands.pages <= PAGES_MAX, f"{hands.pages} pages")
    # The machine's own time depends on what else it does; a person's does not.
    check(hands.person_seconds <= PERSON_SECONDS_MAX, f"{hands.person_seconds} s")


def one_time_code(secret, steps=0):
    """RFC 6238: six digits of SHA-1, half a minute each."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    counter = struct.pack(">Q", int(time.time()) // 30 + steps)
    digest = hmac.new(key, counter, hashlib.sha1).digest()
    place = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[place:place + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


def account_pages(hands, email):
    """Password, authenticator app, recovery codes, sessions; out, and in again with a code."""
    hands.go("Settings")
    hands.go("Password, sessions, second factors")
    hands.type("currentPassword", PASSWORD)
    hands.type("newPassword", "short")
    hands.go("Change the password")
    hands.expect("thing to fix")
    hands.type("currentPassword", PASSWORD)
    hands.type("newPassword", NEW_PASSWORD)
    hands.go("Change the password")
    hands.expect("Your password is changed")
    hands.go("Add an app")
    hands.go("Add an app")
    if "Enter your password" in hands.browser.title:
        hands.type("password", NEW_PASSWORD)
        hands.go("Go on")
        hands.go("Add an app")
    secret = hands.browser.find_element("css selector", "main code").text.replace(" ", "")
    hands.reload()
    hands.expect("Scan the picture")
    hands.type("code", "000000")
    hands.go("Switch it on")
    hands.expect("Scan the picture")
    hands.type("code", one_time_code(secret))
    hands.go("Switch it on")
    codes = [element.text for element in
             hands.browser.find_elements("css selector", "main ul.panel code")]
    check(len(codes) >= 8 and len(set(codes)) == len(codes), f"recovery codes: {codes}")
    hands.reload()
    hands.expect("were shown already")
    check(codes[0] not in hands.browser.page_source, "the codes are shown twice")
    hands.go("Security")
    hands.expect("Codes left", "This session")
    hands.go("Log out")
    hands.expect("You are logged out")
    hands.type("email", email)
    hands.type("password", NEW_PASSWORD)
    hands.go("Log in")
    hands.expect("Second factor")
    hands.reload()
    hands.type("code", "wrong")
    hands.go("Log in")
    hands.expect("Second factor")
    hands.type("code", codes[0])
    hands.go("Log in")
    hands.expect("Latest entries", email)
    # A row's menu opens and closes by keyboard, and gives the keyboard back.
    hands.go("Provider keys")
    menu = hands.tab_to("Actions for OpenAI, default")
    hands.press(Keys.ENTER, Keys.TAB)
    check(hands.focused()["text"] == "Test now", f"the menu begins with {hands.focused()}")
    hands.press(Keys.ESCAPE)
    check(hands.focused()["label"] == menu["label"], f"after Escape: {hands.focused()}")
    hands.press(Keys.ENTER)
    hands.go("Test now")
    hands.expect("OpenAI, default is tested")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with portal.Upstream() as upstream:
        settings = {"CHATELAINE_ENDPOINT_ALLOWLIST": upstream.authority}
        with portal.Portal(settings, binaries=sys.argv[1]) as running:
            hands = Hands(running.address)
            try:
                email = "ada@example.org"
                first_success(hands, email, upstream)
                account_pages(hands, email)
                broken = broken_policies(hands.browser)
                check(not broken, f"the pages break their own policy: {broken}")
            except AssertionError as error:
                print(f"FAILED at {hands.browser.current_url}: {error}", flush=True)
                return 1
            finally:
                hands.browser.quit()
    print(f"all of it: {hands.pages} pages, {hands.presses} key presses", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
