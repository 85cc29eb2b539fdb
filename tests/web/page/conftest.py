"""Chromium, a service, and pages that are opened in the one and talk to the other."""

from dataclasses import asdict

import pytest

from artlives import Stylizer
from tests.web import browser as chromium
from tests.web.browser import PATIENCE, until_marked


@pytest.fixture(scope="session")
def address():
    with chromium.service() as address:
        yield address


@pytest.fixture
def complaints():
    """What went wrong in the page: errors in its console, and requests to other hosts."""
    return []


@pytest.fixture
def visit(browser, address, complaints):
    """Open the page; in the end, nothing may have gone wrong in it."""
    contexts = []

    def open_page(width=1200, height=900, permissions=("camera",), path="/", **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(PATIENCE * 1000)
        context.grant_permissions(list(permissions), origin=address)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: check_host(request.url))
        page.goto(address + path)
        if path.startswith("/#") or path == "/":
            # The styles are loaded.
            page.wait_for_selector(".tile[data-style]", state="attached")
        return page

    def check_host(url):
        if not url.startswith((address, f"blob:{address}", address.replace("http", "ws"), "data:")):
            complaints.append(f"asked {url}")

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(visit):
    return visit()


@pytest.fixture
def still_page(visit):
    """A page whose start shows no other paintings any more."""
    page = visit(reduced_motion="reduce")
    for mark in ("hung", "exhibited"):
        until_marked(page, mark)
    return page


@pytest.fixture
def asked(monkeypatch):
    """The settings of each painting that the page has the service paint, as they come."""
    asked = []
    variant = Stylizer.variant

    def noting(stylizer, settings):
        asked.append(asdict(settings))
        return variant(stylizer, settings)

    monkeypatch.setattr(Stylizer, "variant", noting)
    return asked
