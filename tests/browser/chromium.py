"""Drive Chromium, where there is one, and collect what its console complains about."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# What htmx says of a request that the browser broke off.
LEFT_BEHIND = ("htmx:afterRequest", "htmx:sendAbort")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium, or skip the test with what is missing."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not program:
        pytest.skip("there is no Chromium here: install the package `chromium` to run the tests in a browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


def _is_complaint(message: ConsoleMessage) -> bool:
    """Tell an error from a request that ended because its page was left; one that failed says sendError or responseError."""
    return message.type == "error" and not message.text.startswith(LEFT_BEHIND)


def complaints_of(page: Page) -> list[str]:
    """Collect from now on what the page's console reports as an error: breaches of the content security policy among them."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if _is_complaint(message) else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found
