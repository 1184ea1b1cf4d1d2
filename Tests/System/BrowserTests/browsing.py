"""A real browser for the scripts beside it."""

import os

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

PAGE_SECONDS = 20


def chromium(*arguments, preferences=None):
    """Chromium without a window, with what its console says."""
    options = webdriver.ChromeOptions()
    options.binary_location = os.environ.get("CHATELAINE_TEST_CHROMIUM", "/usr/bin/chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                     "--no-first-run", *arguments):
        options.add_argument(argument)
    if preferences:
        options.add_experimental_option("prefs", preferences)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = os.environ.get("CHATELAINE_TEST_CHROMEDRIVER", "/usr/bin/chromedriver")
    browser = webdriver.Chrome(options=options, service=Service(driver))
    browser.set_page_load_timeout(PAGE_SECONDS)
    browser.set_script_timeout(PAGE_SECONDS)
    return browser


def is_gone(element):
    """Whether the page that the element was of has been left."""
    try:
        element.is_enabled()
        return False
    except Exception:  # stale, or the page is between two documents
        return True


def broken_policies(browser):
    """What the browser's console says of pages that break their own policy."""
    return [entry["message"] for entry in browser.get_log("browser")
            if "Content Security Policy" in entry["message"] or "TrustedScript" in entry["message"]]


def check(condition, reason):
    if not condition:
        raise AssertionError(reason)
