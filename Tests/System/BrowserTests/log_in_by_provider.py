"""Logs in by an OpenID Connect provider that is not our code, in a browser.

Usage: python log_in_by_provider.py URL

Signs up by it, logs in again, disconnects, is sent to log in when the address has an account, and
connects. Prints each step; ends with status 1 and a reason when one fails.
"""

import sys

from selenium.webdriver.common.by import By

from drive_portal import check, step
from use_passkeys import ScriptedPortal

EMAIL = "ann@provider.example"


def at_provider(portal):
    portal.until_heading("Authorize Client")
    portal.browser.find_element(By.CSS_SELECTOR, "button[name=sub][value=ann]").click()


def log_in(portal):
    portal.open("/log-in")
    portal.press("Log in with Corp")
    at_provider(portal)


def disconnect(portal):
    portal.browser.find_element(
        By.CSS_SELECTOR, "button[formaction^='/settings/identities/']").click()


def is_in(portal):
    portal.wait(lambda: EMAIL in portal.text(), "not logged in")


def session(portal):
    return portal.browser.get_cookie("chatelaine-session")["value"]


def main():
    portal = ScriptedPortal(sys.argv[1], ".")
    try:
        step("sign up by the provider")
        log_in(portal)
        is_in(portal)
        cookies = {cookie["name"] for cookie in portal.browser.get_cookies()}
        check("chatelaine-session" in cookies and "chatelaine-provider" not in cookies,
              f"cookies: {cookies}")

        step("log in again")
        portal.log_out()
        log_in(portal)
        is_in(portal)

        step("refuse it there")
        portal.log_out()
        portal.open("/log-in")
        portal.press("Log in with Corp")
        portal.until_heading("Authorize Client")
        portal.browser.find_element(By.CSS_SELECTOR, "button[value=deny]").click()
        portal.until_text("The provider's answer can't be used")

        step("disconnect")
        log_in(portal)
        is_in(portal)
        portal.open("/settings/security")
        check("Corp" in portal.text(), "the provider is not shown")
        disconnect(portal)
        portal.until_text("Disconnected")

        step("connect again, and go on under another token")
        before = session(portal)
        portal.press("Connect Corp")
        at_provider(portal)
        portal.until_text("Connected. You can log in by it from now on")
        check(session(portal) != before, "the session goes on under the token from before")
        disconnect(portal)
        portal.until_text("Disconnected")
        portal.log_out()
        log_in(portal)
        portal.until_text("There is an account with your address")

        step("come back without having gone")
        portal.open("/log-in/from/corp?code=x&state=y")
        portal.until_text("was begun in another browser")
        step("done")
    finally:
        portal.close()


if __name__ == "__main__":
    try:
        main()
    except AssertionError as reason:
        print(f"FAILED: {reason}")
        sys.exit(1)
