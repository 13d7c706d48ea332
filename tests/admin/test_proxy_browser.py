"""Behind a proxy that speaks TLS and takes a prefix off: by what a browser meets."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.admin.browsing import Site, sign_in
from tests.admin.conftest import House
from tests.services.databases import Databases
from tests.services.page_log import PageLog
from tests.services.tls_proxy import Proxy, tls_proxy

PREFIX = "/shop"


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """SQLite alone: what a database answers is tested without a browser, on both."""
    return sqlite_databases


@pytest.fixture(params=[True, False], ids=["which tells", "which does not tell"])
def proxied(request: pytest.FixtureRequest, settings: None, built: House) -> Iterator[Site]:
    """The site as the browser meets it; the proxy tells of TLS, or does not."""
    with Site(built, root_path=PREFIX) as site:
        proxy: Proxy
        with tls_proxy(site.port, PREFIX, tells=request.param) as proxy:
            site.url = f"{proxy.url}/admin"
            yield site


@pytest.fixture
def page(browser: Browser, page_log: PageLog) -> Iterator[Page]:
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page_log.watch(page)
    yield page
    context.close()
    assert not page_log.foreign_requests
    assert not page_log.violations


def test_the_way_of_an_editor(proxied: Site, page: Page, page_log: PageLog) -> None:
    """Signing in, the list, its next page, a form, what was saved, a file, signing out: no address
    leads to http, to another host, or past the prefix."""
    page.goto(f"{proxied.url}/books?sort=title__asc")
    assert page.url.startswith(f"{proxied.url}/login?next=")
    sign_in(page, proxied, "/books?sort=title__asc")
    page.get_by_role("link", name="Next").click()
    page.get_by_role("link", name="Title 26").click()
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Title").fill("Found")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("Book “Found” was saved.")
    assert proxied.book(26).title == "Found"
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.path().read_text().count("\n") > 30
    page.get_by_role("link", name="ann@example.com").click()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.url.startswith(f"{proxied.url}/login")
    assert all(each.startswith(f"{proxied.url}/") for each in page_log.requests)
    assert page_log.console_errors == []


def test_the_prefix_alone_leads_to_the_site(proxied: Site, page: Page) -> None:
    """Without its slash: where to is said relatively."""
    page.goto(proxied.url)
    assert page.url.startswith(f"{proxied.url}/login")
