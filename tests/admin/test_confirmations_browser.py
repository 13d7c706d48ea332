"""Confirming the password in a real browser, with and without scripts."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from backoffice.core import clock
from backoffice.core.testing import ManualClock
from tests.admin.browsing import Site, sign_in
from tests.admin.conftest import House
from tests.auth.conftest import PASSWORD
from tests.services.databases import Databases
from tests.services.page_log import PageLog

LATER = timedelta(minutes=16)


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """SQLite alone: what a database answers is tested without a browser, on both."""
    return sqlite_databases


@pytest.fixture
def time() -> Iterator[ManualClock]:
    found = ManualClock()
    with clock.override(found):
        yield found


@pytest.fixture
def site(time: ManualClock, settings: None, built: House) -> Iterator[Site]:
    with Site(built) as found:
        yield found


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def either(request: pytest.FixtureRequest, browser: Browser, page_log: PageLog) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=request.param)
    page = context.new_page()
    if request.param:
        page_log.watch(page)
    yield page
    context.close()
    assert not page_log.violations


def test_a_form_asks_and_keeps_what_was_typed(site: Site, either: Page, time: ManualClock) -> None:
    """A wrong password first; what was typed is there to the end, in every line of it."""
    sign_in(either, site, "/roles/add")
    time.advance(LATER)
    either.get_by_label("Name").fill("keepers")
    either.get_by_label("Permissions").fill("books:view\nauthors:view")
    either.get_by_role("button", name="Save", exact=True).click()
    expect(either.get_by_role("heading", name="Confirm your password")).to_be_visible()
    either.get_by_label("Your password").fill("wrong")
    either.get_by_role("button", name="Confirm and go on").click()
    expect(either.get_by_text("The current password is not right.")).to_be_visible()
    either.get_by_label("Your password").fill(PASSWORD)
    either.get_by_role("button", name="Confirm and go on").click()
    expect(either.get_by_role("status")).to_have_text("Role “keepers” was added.")
    either.get_by_role("link", name="keepers").click()
    expect(either.get_by_text("authors:view, books:view")).to_be_visible()


def test_a_question_takes_the_password_in_the_same_step(
    site: Site, either: Page, time: ManualClock
) -> None:
    sign_in(either, site, "/roles")
    time.advance(LATER)
    either.get_by_role("link", name="editor").click()
    either.get_by_role("link", name="Delete").click()
    either.get_by_label("Your password").fill(PASSWORD)
    either.get_by_role("button", name="Delete").click()
    expect(either.get_by_role("status")).to_contain_text("editor")
    expect(either.get_by_role("link", name="editor")).to_have_count(0)


def test_signing_out_everywhere(
    site: Site, either: Page, browser: Browser, time: ManualClock
) -> None:
    """Another browser is out with its next step."""
    elsewhere = browser.new_context().new_page()
    sign_in(elsewhere, site)
    sign_in(either, site)
    time.advance(LATER)
    either.get_by_role("link", name="ann@example.com").click()
    either.get_by_role("button", name="Sign out everywhere", exact=True).click()
    either.get_by_label("Your password").fill(PASSWORD)
    either.get_by_role("button", name="Confirm and go on").click()
    expect(either.get_by_role("button", name="Sign in")).to_be_visible()
    elsewhere.goto(f"{site.url}/books")
    expect(elsewhere.get_by_role("button", name="Sign in")).to_be_visible()
    elsewhere.context.close()


def test_what_was_typed_outlives_the_session(site: Site, either: Page) -> None:
    """Signed out in another tab, and in again in a third: nothing has to be typed twice."""
    sign_in(either, site, "/authors/add")
    either.get_by_label("Name").fill("Hedy")
    other = either.context.new_page()
    other.goto(site.url)
    other.get_by_role("button", name="Sign out", exact=True).click()
    expect(other.get_by_role("button", name="Sign in")).to_be_visible()
    either.get_by_role("button", name="Save", exact=True).click()
    expect(either.get_by_role("heading", name="You are signed out")).to_be_visible()
    with either.context.expect_page() as opened:
        either.get_by_role("link", name="sign in in another tab").click()
    sign_in(opened.value, site)
    either.get_by_role("button", name="Send it again").click()
    expect(either.get_by_role("heading", name="Send it again?")).to_be_visible()
    either.get_by_role("button", name="Send it again").click()
    expect(either.get_by_role("status")).to_have_text("Author “Hedy” was added.")
