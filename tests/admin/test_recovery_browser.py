"""Recovery in a real browser, as whoever has forgotten a password goes through it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.admin.browsing import Site
from tests.admin.conftest import House
from tests.admin.recovering import ANN, MAILING, OTHER
from tests.services.databases import Databases
from tests.services.mail_folder import MailFolder
from tests.services.page_log import PageLog

RESET = "Choose a new password"
WIDTH = 320


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """SQLite alone: what a database answers is tested without a browser, on both."""
    return sqlite_databases


@pytest.fixture
def mails(tmp_path: Path) -> MailFolder:
    return MailFolder(tmp_path / "mails")


@pytest.fixture
def site(
    settings: None, built: House, mails: MailFolder, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """Met where its links lead."""
    for name, value in MAILING.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("BACKOFFICE_MAIL__URL", mails.url)
    site = Site(built)
    monkeypatch.setenv("BACKOFFICE_AUTH__PUBLIC_URL", site.url.removesuffix("/admin"))
    with site:
        yield site


def forget(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/login")
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("E-mail").fill(ANN)
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("status")).to_contain_text("a mail is on its way")


def choose(page: Page, password: str) -> None:
    page.get_by_label("New password").fill(password)
    page.get_by_role("button", name="Set the password").click()


def sign_in(page: Page, password: str) -> None:
    page.get_by_label("E-mail").fill(ANN)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Home")).to_be_visible()


def test_a_forgotten_password_is_replaced(
    site: Site, page: Page, page_log: PageLog, mails: MailFolder
) -> None:
    """From the sign-in page to the first page; the token is in the address of one page, and told
    to nobody."""
    forget(page, site)
    address = mails.link(ANN, RESET)
    token = address.partition("token=")[2]
    referers: list[str] = []
    page.on("request", lambda request: referers.append(request.all_headers().get("referer", "")))
    page.goto(address)
    choose(page, "password1")
    expect(page.get_by_label("New password")).to_be_focused()
    expect(page.get_by_label("New password")).to_have_accessible_description(
        "Too many people use this password; it is tried first. At least 8 characters; a few words "
        "are easy to keep in mind. You will be signed out everywhere."
    )
    choose(page, OTHER)
    expect(page.get_by_role("status")).to_have_text(
        "The password was changed. Sign in with the new one."
    )
    sign_in(page, OTHER)
    assert [url for url in page_log.requests if token in url] == [address]
    assert not [each for each in referers if token in each or "reset-password" in each]
    assert len(referers) > 4


def test_a_link_that_was_used_leads_to_the_next(site: Site, page: Page, mails: MailFolder) -> None:
    """The person is told first what is wrong, with the focus on it."""
    forget(page, site)
    address = mails.link(ANN, RESET)
    page.goto(address)
    choose(page, OTHER)
    page.goto(address)
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_role("link", name="Ask for a new link").click()
    expect(page.get_by_role("heading", name="Forgotten password")).to_be_visible()


def test_it_works_without_scripts_and_on_a_phone(
    site: Site, browser: Browser, mails: MailFolder
) -> None:
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": WIDTH, "height": 600}
    )
    page = context.new_page()
    for path in ("login?done=asked", "forgot-password", "request-verify", "verify?token=bol_x"):
        page.goto(f"{site.url}/{path}")
        box = page.locator(".door .card").bounding_box()
        assert box is not None
        assert (box["x"] >= 0, box["x"] + box["width"] <= WIDTH) == (True, True), path
    forget(page, site)
    page.goto(mails.link(ANN, RESET))
    choose(page, OTHER)
    sign_in(page, OTHER)
    context.close()
