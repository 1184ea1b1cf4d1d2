"""Uses passkeys in Chromium with its virtual authenticator, which is not our code.

Usage: python use_passkeys.py URL

Adds a passkey, logs in with it alone and as the second factor, confirms with it, renames and removes
it; tries a device that doesn't make sure who uses it. Prints each step; ends with status 1 and a
reason when one fails.
"""

import sys
import uuid
from urllib.parse import urlsplit

from selenium.common.exceptions import TimeoutException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.virtual_authenticator import VirtualAuthenticatorOptions
from selenium.webdriver.support.ui import WebDriverWait

from drive_portal import PAGE_SECONDS, Portal, check, step

PASSWORD = "correct horse battery staple 9"


class ScriptedPortal(Portal):
    """A browser that runs scripts and has a device for passkeys."""

    javascript = 1
    # Providers in tests have certificates of their own.
    arguments = ("--ignore-certificate-errors",)

    def __init__(self, url, directory):
        super().__init__(url, directory)
        self.device(True)

    def device(self, verifies):
        """Plugs one in, in place of the one before."""
        if self.browser.virtual_authenticator_id:
            self.browser.remove_virtual_authenticator()
        options = VirtualAuthenticatorOptions(
            protocol="ctap2", transport="internal" if verifies else "usb",
            has_resident_key=verifies, has_user_verification=verifies,
            is_user_verified=verifies, is_user_consenting=True)
        self.browser.add_virtual_authenticator(options)

    def wait(self, condition, what):
        # A page that goes while it is looked at is looked at again.
        wait = WebDriverWait(
            self.browser, PAGE_SECONDS, ignored_exceptions=[WebDriverException])
        try:
            return wait.until(lambda _: condition())
        except TimeoutException as error:
            raise AssertionError(f"{what}; the page says: {self.text()}") from error

    def click(self, label):
        """Presses a button whose form a script sends later."""
        def button():
            return next((b for b in self.browser.find_elements(By.CSS_SELECTOR, "main button")
                         if b.is_displayed() and b.text.strip() == label), None)
        self.wait(button, f"there is no button {label!r}").click()

    def until_heading(self, heading):
        def is_there():
            found = self.browser.find_elements(By.TAG_NAME, "h1")
            return found and found[0].text == heading
        self.wait(is_there, f"not at {heading!r}")

    def until_text(self, text):
        self.wait(lambda: text in self.text(), f"no {text!r}")

    def log_out(self):
        self.open("/log-out")
        self.browser.find_element(By.CSS_SELECTOR, "main form button").click()
        self.until_heading("Log in")

    def enter_password(self, email):
        self.open("/log-in")
        self.fill(email=email, password=PASSWORD)
        self.press("Log in", within=self.browser.find_element(By.CSS_SELECTOR, "main form"))


def add_passkey(portal, name):
    portal.open("/settings/passkeys")
    portal.until_heading("Passkeys")
    portal.fill(name=name)
    portal.click("Add a passkey")


def main():
    url = urlsplit(sys.argv[1])
    # Browsers know passkeys by name only.
    portal = ScriptedPortal(f"http://localhost:{url.port}", ".")
    email = f"passkey-{uuid.uuid4().hex[:8]}@example.org"
    try:
        step("sign up, add a passkey")
        portal.open("/sign-up")
        portal.fill(email=email, password=PASSWORD)
        portal.press("Create account")
        portal.wait(lambda: "Your account is ready" in portal.text(), "not signed up")
        add_passkey(portal, "virtual device")
        portal.until_heading("Your recovery codes")
        check(len(portal.browser.find_elements(By.CSS_SELECTOR, "main li code")) == 10,
              "there are not ten codes")
        portal.open("/settings/passkeys")
        check("on one device" in portal.row("virtual device").text, "it is said to be synced")
        check(len(portal.browser.get_credentials()) == 1, "the device keeps something else")

        step("the same device once more")
        portal.fill(name="again")
        portal.click("Add a passkey")
        portal.until_text("keeps a passkey for your account already")

        step("log in with nothing but it")
        portal.log_out()
        portal.click("Use a passkey")
        portal.wait(lambda: email in portal.text(), "not logged in")

        step("log in with the password, and it as the second factor")
        portal.log_out()
        portal.enter_password(email)
        portal.until_heading("Second factor")
        portal.click("Use a passkey")
        portal.wait(lambda: email in portal.text(), "not logged in")

        step("prove who one is by it")
        portal.open("/confirm-password?next=/settings/passkeys")
        portal.click("Use a passkey")
        portal.until_heading("Passkeys")
        portal.until_text("You can go on now")

        step("rename and remove")
        portal.row("virtual device").find_element(By.TAG_NAME, "a").click()
        portal.until_heading("virtual device")
        portal.fill(name="old device")
        portal.press("Rename")
        portal.until_text("has its new name")
        portal.row("old device").find_element(By.TAG_NAME, "a").click()
        portal.until_heading("old device")
        portal.press("Remove the passkey")
        portal.until_text("The passkey is removed")
        portal.log_out()
        portal.click("Use a passkey")
        portal.until_text("was not accepted")
        portal.enter_password(email)
        portal.wait(lambda: email in portal.text(), "the password alone is not enough again")

        step("a key that doesn't make sure who uses it is a second factor, and no more")
        portal.device(False)
        add_passkey(portal, "stick")
        portal.until_heading("Your recovery codes")
        portal.log_out()
        portal.enter_password(email)
        portal.until_heading("Second factor")
        portal.click("Use a passkey")
        portal.wait(lambda: email in portal.text(), "not logged in")
        errors = [entry for entry in portal.browser.get_log("browser")
                  if "Content Security Policy" in entry["message"] or "TrustedScript" in entry["message"]]
        check(not errors, f"the browser complains: {errors}")
        step("done")
    finally:
        portal.close()


if __name__ == "__main__":
    try:
        main()
    except AssertionError as reason:
        print(f"FAILED: {reason}")
        sys.exit(1)
