"""Drives the portal as a person with a browser and without JavaScript.

Usage: python drive_portal.py URL OUTDIR

Signs up, logs in, keeps two provider keys, reads the log, logs out; leaves screenshots in OUTDIR at
desktop and phone size. Prints each step; ends with status 1 and a reason when one fails.
"""

import os
import sys
import uuid

from selenium.common.exceptions import NoSuchElementException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from browsing import PAGE_SECONDS, broken_policies, check, chromium, is_gone

DESKTOP = (1280, 900)
PHONE = (390, 844)
OPENAI_KEY = "sk-browser-test-0123456789abcdefghijklmnop3f9a"
REPLACED_KEY = "sk-browser-test-zyxwvutsrqponmlkjihgfedcba77c2"
CUSTOM_KEY = "custom-browser-test-0123456789abcdef51d0"


class Portal:
    """One browser at one portal."""

    # The portal must work without scripts, and must not try to run any.
    javascript = 2
    arguments = ()

    def __init__(self, url, directory):
        self.url = url.rstrip("/")
        self.directory = directory
        self.shots = 0
        self.browser = chromium("--hide-scrollbars", *self.arguments, preferences={
            "profile.managed_default_content_settings.javascript": self.javascript})
        self.browser.set_window_size(*DESKTOP)

    def open(self, path):
        self.browser.get(self.url + path)

    def shot(self, name):
        """Keeps the whole page as it looks on a desk and on a phone."""
        self.shots += 1
        for size, suffix in ((DESKTOP, "desktop"), (PHONE, "phone")):
            self.browser.set_window_size(*size)
            width = self.measure("scrollWidth")
            check(width <= size[0], f"{name}: {width}px wide on a {suffix} of {size[0]}px")
            self.browser.set_window_size(size[0], min(max(self.measure("scrollHeight"), size[1]), 4000))
            path = os.path.join(self.directory, f"{self.shots:02d}-{name}-{suffix}.png")
            self.browser.save_screenshot(path)
        self.browser.set_window_size(*DESKTOP)

    def measure(self, property_name):
        # By the debugging protocol: page scripts are off.
        metrics = self.browser.execute_cdp_cmd("Page.getLayoutMetrics", {})
        content = metrics["cssContentSize"]
        return int(content["width" if property_name == "scrollWidth" else "height"])

    def text(self):
        return self.browser.find_element(By.TAG_NAME, "body").text

    def heading(self):
        return self.browser.find_element(By.TAG_NAME, "h1").text

    def fill(self, **fields):
        for name, value in fields.items():
            field = self.browser.find_element(By.NAME, name)
            if field.get_attribute("type") == "radio":
                self.browser.find_element(
                    By.CSS_SELECTOR, f"input[name={name}][value={value}]").click()
            elif field.tag_name == "select":
                Select(field).select_by_value(value)
            else:
                field.clear()
                field.send_keys(value)

    def press(self, label, within=None):
        """Presses the button or follows the link that reads `label`, and waits for the next page."""
        place = within or self.browser
        old = self.browser.find_element(By.TAG_NAME, "html")
        for element in place.find_elements(By.CSS_SELECTOR, "button, a"):
            if element.text.strip() == label:
                element.click()
                WebDriverWait(self.browser, PAGE_SECONDS).until(lambda _: is_gone(old))
                return
        raise AssertionError(f"there is no button or link {label!r} on {self.heading()!r}")

    def row(self, *words):
        for row in self.browser.find_elements(By.CSS_SELECTOR, "tbody tr"):
            if all(word in row.text for word in words):
                return row
        raise AssertionError(f"there is no row with {words} in: {self.text()}")

    def close(self):
        self.browser.quit()


def step(text):
    print(text, flush=True)


def sign_up(portal, email, password):
    step("sign up")
    portal.open("/")
    portal.shot("landing")
    portal.press("Create an account")
    portal.fill(email=email, password="short")
    portal.press("Create account")
    field = portal.browser.find_element(By.ID, "password")
    check(field.get_attribute("aria-invalid") == "true", "a short password is not marked")
    check("password-error" in field.get_attribute("aria-describedby"), "the error is not tied to it")
    check(field.get_attribute("value") == "", "the password came back")
    check(portal.browser.find_element(By.ID, "email").get_attribute("value") == email,
          "the address was lost")
    portal.shot("sign-up-error")
    portal.fill(password=password)
    portal.press("Create account")
    check("Your account is ready" in portal.text(), "no notice after the sign-up")
    portal.press("Log out")


def log_in(portal, email, password):
    step("log in with a wrong password")
    portal.fill(email=email, password="not the password at all")
    portal.press("Log in", within=portal.browser.find_element(By.TAG_NAME, "main"))
    check("is wrong" in portal.text(), "a wrong password is not refused")
    check(portal.browser.find_element(By.ID, "password").get_attribute("value") == "",
          "the password came back")
    portal.shot("log-in-error")
    step("log in")
    portal.fill(password=password)
    portal.press("Log in", within=portal.browser.find_element(By.TAG_NAME, "main"))
    portal.open("/providers")
    check(portal.heading() == "Provider keys", f"after the log-in: {portal.heading()}")
    check(email in portal.text(), "the page does not say who is logged in")
    cookie = next(c for c in portal.browser.get_cookies() if "chatelaine-session" in c["name"])
    check(cookie["httpOnly"] and cookie["sameSite"] == "Lax", "the session cookie is unprotected")
    portal.shot("no-keys")


def add_keys(portal):
    step("add an OpenAI key")
    portal.press("Add your first key")
    portal.fill(provider="openai", apiKey=OPENAI_KEY)
    portal.shot("add-key")
    portal.press("Store without checking")
    check("OpenAI, default" in portal.heading(), f"after storing: {portal.heading()}")
    portal.shot("key")
    portal.press("Provider keys")
    step("a private endpoint is refused beside its field")
    portal.press("Add a key")
    portal.browser.find_element(By.XPATH, "//summary[contains(., 'Another endpoint')]").click()
    portal.fill(provider="custom", label="lab", apiKey=CUSTOM_KEY, baseUrl="https://10.1.2.3/v1")
    portal.press("Store without checking")
    check(portal.browser.find_element(By.ID, "baseUrl").get_attribute("aria-invalid") == "true",
          "a private endpoint is not refused")
    check(portal.browser.find_element(By.ID, "apiKey").get_attribute("value") == "",
          "the key came back")
    portal.shot("add-key-error")
    step("add a custom endpoint")
    portal.fill(baseUrl="https://llm.example.com/v1")
    portal.press("Store without checking")
    portal.press("Provider keys")
    text = portal.text()
    for key in (OPENAI_KEY, CUSTOM_KEY):
        check(key not in portal.browser.page_source, "a key is shown in full")
    check("OpenAI" in text and "lab" in text and "llm.example.com" in text, f"not listed: {text}")
    check(portal.row("OpenAI", "default").text.count("3f9a") == 1, "the key's end is not shown")
    portal.shot("keys")


def change_keys(portal):
    step("disable and enable")
    choose(portal, "default", "Disable")
    check("Disabled" in portal.row("default").text, "it is not shown as disabled")
    check("OpenAI, default is disabled" in portal.text(), "the notice does not name the key")
    portal.shot("disabled")
    portal.press("Undo")
    check("Not checked" in portal.row("default").text, "it is not shown as enabled")
    step("replace a key")
    choose(portal, "default", "Edit or replace…")
    portal.shot("edit-key")
    portal.fill(apiKey=REPLACED_KEY)
    portal.press("Save changes")
    portal.press("Provider keys")
    check("77c2" in portal.row("default").text, "the new key's end is not shown")
    check("3f9a" not in portal.row("default").text, "the old key's end is still shown")
    step("delete a key, with confirmation")
    choose(portal, "lab", "Delete…")
    check("?" in portal.heading(), "there is no question before the deletion")
    portal.shot("delete-key")
    portal.press("Keep")
    check(portal.row("lab") is not None, "it is gone although it was to be kept")
    choose(portal, "lab", "Delete…")
    portal.press("Delete 1 key")
    check("llm.example.com" not in portal.text(), "the deleted key is still listed")


def choose(portal, label, verb):
    """Opens the menu of a row and takes what reads `verb`."""
    row = portal.row(label)
    row.find_element(By.CSS_SELECTOR, ".menu-button").click()
    portal.press(verb, within=row)


def access_tokens(portal):
    step("create and revoke an access token")
    portal.press("Access tokens")
    portal.fill(name="Notebook", expiresIn="30")
    portal.press("Create token")
    token = portal.browser.find_element(By.ID, "token").get_attribute("value")
    check(len(token) > 30, "the token is not shown")
    check("/proxy/openai/v1" in portal.text(), "there is no example")
    portal.shot("token-created")
    portal.press("Done, I have copied it")
    check(token not in portal.browser.page_source, "the token is shown again")
    portal.browser.back()
    portal.browser.refresh()
    check("was shown already" in portal.text(), "a reload does not say that it was shown")
    check(token not in portal.browser.page_source, "the token is shown again")
    portal.press("Access tokens")
    portal.shot("tokens")
    portal.press(next(e.text.strip() for e in portal.row("Notebook").find_elements(By.TAG_NAME, "a")
                      if "Revoke" in e.text), within=portal.row("Notebook"))
    portal.press("Revoke token")
    check("is revoked" in portal.text(), "no notice after the revocation")


def audit_log(portal):
    step("the audit log shows all that")
    expected = {
        "You signed up", "You logged in", "You stored OpenAI, default", "You stored Own endpoint, lab",
        "You disabled OpenAI, default", "You enabled OpenAI, default", "You changed OpenAI, default",
        "You deleted Own endpoint, lab", "You created the access token Notebook",
        "You revoked the access token Notebook", "tried to log in",
    }
    # Receipts arrive a moment after what they record; each look is a page of its own.
    for _ in range(PAGE_SECONDS):
        portal.open("/audit")
        missing = {sentence for sentence in expected if sentence not in portal.text()}
        if not missing:
            break
        pause(portal)
    check(not missing, f"the log does not show {missing} but: {portal.text()}")
    failed = next(entry for entry in portal.browser.find_elements(By.CSS_SELECTOR, ".event")
                  if "tried to log in" in entry.text)
    check("Failed" in failed.text, f"a failed log-in is not shown as one: {failed.text}")
    failed.find_element(By.TAG_NAME, "summary").click()
    check("127.0.0.1" in failed.text, f"no address in the details: {failed.text}")
    check("Chrom" in failed.text, f"no program in the details: {failed.text}")
    for secret in (OPENAI_KEY, REPLACED_KEY, CUSTOM_KEY):
        check(secret not in portal.browser.page_source, "the log shows a key")
    portal.shot("audit")
    portal.fill(action="provider-config.*", outcome="success")
    portal.press("Show")
    check("logged in" not in portal.text(), "the filter has no effect")
    check("You stored OpenAI, default" in portal.text(), "the filter hides what it is for")
    portal.shot("audit-filtered")


def pause(portal):
    """Lets the browser do nothing for a moment."""
    try:
        WebDriverWait(portal.browser, 1).until(
            lambda browser: browser.find_element(By.ID, "nothing-has-this-id"))
    except Exception:  # the expected timeout
        pass


def keyboard(portal):
    step("the keyboard reaches the content first")
    portal.open("/providers")
    portal.browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    focused = portal.browser.switch_to.active_element
    check(focused.text == "Skip to content", f"the first stop is {focused.text!r}")
    portal.shot("skip-link")


def log_out(portal):
    step("log out")
    portal.press("Log out")
    check("You are logged out" in portal.text(), "no notice after the log-out")
    portal.open("/providers")
    check(portal.heading() == "Log in", "the keys are shown to a stranger")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    url, directory = sys.argv[1:]
    os.makedirs(directory, exist_ok=True)
    email = f"browser-{uuid.uuid4().hex[:12]}@example.com"
    password = f"quiet harbour {uuid.uuid4().hex[:8]}"
    portal = Portal(url, directory)
    try:
        sign_up(portal, email, password)
        log_in(portal, email, password)
        add_keys(portal)
        change_keys(portal)
        access_tokens(portal)
        keyboard(portal)
        audit_log(portal)
        blocked = broken_policies(portal.browser)
        check(not blocked, f"the pages break their own policy: {blocked}")
        log_out(portal)
    except (AssertionError, NoSuchElementException) as error:
        portal.shot("failure")
        print(f"FAILED: {error}", flush=True)
        return 1
    finally:
        portal.close()
    step(f"done: {portal.shots} pages in {directory}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
