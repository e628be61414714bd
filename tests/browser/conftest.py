"""Debian's chromium, driven by playwright, for pages that a desk of this process serves."""

from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.desk import published_messages
from tests.desk.published_messages import elsewhere

CHROMIUM = which("chromium")
OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
VIOLATIONS = """
    window.violations = [];
    const told = (event) => violations.push(`${event.violatedDirective} ${event.blockedURI}`);
    addEventListener("securitypolicyviolation", told);
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module: its event loop ends with it, so that tests with a loop of their own follow."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a context of its own; violations of the content policy stand in ``window.violations``."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(10_000)
    context.add_init_script(VIOLATIONS)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("desk")


@pytest.fixture(scope="module")
def nats_url(broker_url: str) -> Iterator[str]:
    """Address of a broker with all streams, empty at first; it is empty again after the module."""
    elsewhere(published_messages.prepared(broker_url))
    yield broker_url
    elsewhere(published_messages.emptied(broker_url))
