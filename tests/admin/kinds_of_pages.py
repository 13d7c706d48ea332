"""Every kind of page of the admin, and how to come to it with a browser."""

from collections.abc import Callable, Iterator
from functools import partial

from playwright.sync_api import Page, expect

from tests.admin.browsing import Site

Way = Callable[[Page, Site], object]

#: Of the pages of records, by their address.
PATHS = {
    "home": "/",
    "list": "/books?page_size=10",
    "list-filtered": "/books?q=Title&sort=title__desc&filter=title__contains%3D%222%22",
    "list-without-match": "/books?q=nothing-of-this-name",
    "list-empty": "/copies",
    "columns": "/books/columns",
    "views": "/books/views",
    "record": "/books/detail?pk=1",
    "record-referred-to": "/authors/detail?pk=150",
    "form": "/books/edit?pk=1",
    "form-of-a-role": "/roles/add",
    "delete": "/books/action?name=delete&pks=1",
    "delete-several": "/books/action?name=delete&pks=1&pks=2",
    "import": "/books/import",
    "history": "/history",
    "history-of-a-record": "/books/history?pk=1",
    "jobs": "/bulk-jobs",
    "users": "/users",
    "roles": "/roles",
    "keys": "/api-keys",
    "sessions": "/sessions",
    "audit": "/audit",
    "account": "/account",
    "shortcuts": "/account/keyboard",
    "search": "/search?q=title",
    "search-empty": "/search",
    "missing": "/books/detail?pk=99999",
    "forbidden": "/books/nothing",
}


def addresses(site: Site) -> Iterator[tuple[str, Way]]:
    """Name to way, of what has an address; the pages about the running app as well."""
    entries = site.house.admin.site.entries
    about = {each.path.replace("/", "-"): f"/{each.path}" for each in entries}
    for name, path in (PATHS | about).items():
        yield name, partial(_open, path=path)


def _open(page: Page, site: Site, path: str) -> None:
    page.goto(site.url + path)


def _a_user(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/users")
    page.locator("a.record").first.click()
    expect(page.locator("main h1")).to_be_visible()


def _with_errors(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/books/add")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".field .error").first).to_be_visible()


def _conflict(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/books/edit?pk=2")
    other = page.context.new_page()
    other.goto(f"{site.url}/books/edit?pk=2")
    other.get_by_label("Title").fill("By somebody else")
    other.get_by_label("Summary").fill("Theirs.")
    other.get_by_role("button", name="Save", exact=True).click()
    expect(other.get_by_role("status").first).to_contain_text("was saved")
    other.close()
    page.get_by_label("Title").fill("By me")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".differences")).to_be_visible()


def _undo(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/books/history?pk=2")
    page.get_by_role("link", name="Undo").first.click()
    expect(page.get_by_role("heading", name="Undo this change?")).to_be_visible()


def _job(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/books?page_size=10&q=Title")
    page.locator("input[name=pks]").first.check()
    page.get_by_label("that match").check()
    page.get_by_label("With those chosen").select_option("delete")
    page.get_by_role("button", name="Go").click()


def _chosen(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/books?page_size=10")
    page.locator("input[name=pks]").first.check()


def _palette(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/books?page_size=10")
    page.keyboard.press("Control+k")
    page.keyboard.type("title")
    expect(page.locator("dialog a").first).to_be_visible()


def _menu(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site.url}/books?page_size=10")
    page.get_by_role("button", name="Menu").click()


def _foreseen(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/roles/matrix?of=books")
    page.get_by_label("editor: books:*").uncheck()
    page.get_by_role("button", name="Preview the changes").click()
    expect(page.get_by_role("heading", name="What would change")).to_be_visible()


def _rotation(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/api-keys")
    page.locator("a.record").first.click()
    page.get_by_role("link", name="Rotate").click()
    expect(page.get_by_label("The old key goes on")).to_be_visible()


def _somebody_else(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/users/add")
    page.get_by_label("Email").fill("zoe@example.com")
    page.get_by_label("Superuser").check()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="I have it").click()
    expect(page.get_by_role("heading", name="The way in")).to_be_visible()


def _asked_why(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/users?q=zoe")
    page.locator("a.record").first.click()
    page.get_by_role("link", name="Look as them").click()
    expect(page.get_by_label("Why")).to_be_visible()


def _looking(page: Page, site: Site) -> None:
    _asked_why(page, site)
    page.get_by_label("Why").fill("To see what they see")
    page.get_by_role("button", name="Look as them").click()
    expect(page.get_by_role("button", name="Stop looking as them")).to_be_visible()


#: Name to way, of what a few steps lead to; one may build on those before it.
STEPS: dict[str, Way] = {
    "user": _a_user,
    "form-with-errors": _with_errors,
    "conflict": _conflict,
    "undo": _undo,
    "job": _job,
    "chosen": _chosen,
    "palette": _palette,
    "menu": _menu,
    "matrix-preview": _foreseen,
    "rotation": _rotation,
    "user-of-another": _somebody_else,
    "look-as-another": _asked_why,
    "looking-as-another": _looking,
}
