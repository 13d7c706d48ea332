"""Text that looks like markup is text: in every column, on every page, in a real browser."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Dialog, Page
from sqlalchemy import update
from sqlmodel import col
from starlette.routing import Route

from backoffice.auth import ApiKey, Role, User, UserSession
from backoffice.core import Run
from tests.admin.browsing import Site, sign_in
from tests.admin.conftest import House
from tests.admin.library import Author, Book, BookTag, Copy, Tag
from tests.auth.conftest import PASSWORD
from tests.services.databases import Databases
from tests.services.page_log import PageLog

#: Breaks out of an attribute, a text, a script, a comment, a title or a text area; were one of
#: them markup, there would be an element that is marked.
MARK = "data-broken-out"
BROKEN = (
    f"\"'><i {MARK}></i><script>alert(1)</script>",
    f"</script><i {MARK}></i><img src=x onerror=alert(2)>",
    f"</textarea></title></option></select><i {MARK}></i>-->",
    f'javascript:alert(3)//"onmouseover=alert(4) {MARK} x=',
    "{{7*7}}${7*7}%0d%0aX: y",
)
ATTRIBUTE = f"[{MARK}]"
LINKS = "[...document.querySelectorAll('a, form, [src]')].map(e => e.href || e.action || e.src)"


class Hostile(Site):
    """Every text that an app or a stranger may have written is such a text."""

    async def _stock(self) -> None:
        async with Run(self.house.app) as run:
            services = await run.open(self.house.auth.services)
            ann: User = await services.users.create(
                "ann@example.com", PASSWORD, superuser=True, actor="test"
            )
            await services.keys.create(ann, "key", actor="test")
            await services.roles.create("editor", ["books:view"], actor="test")
            async with services.database.session() as session:
                for number, text in enumerate(BROKEN, 1):
                    short = text[:40]
                    session.add(Author(name=text[:80], secret_note=text, born=date(1990, 1, 1)))
                    session.add(Tag(name=short))
                    await session.commit()
                    session.add(_book(number, text))
                    await session.commit()
                    session.add(BookTag(book_id=number, tag_name=short))
                    session.add(Copy(book_id=number, number=1, shelf=text))
                await session.exec(update(ApiKey).values(name=BROKEN[0], prefix='"><b>'))
                await session.exec(update(Role).values(name=BROKEN[0][:60], description=BROKEN[1]))
                await session.exec(
                    update(User).where(col(User.email) != "ann@example.com").values(email=BROKEN[0])
                )
                session.add(_session(ann))
                await session.commit()


def _book(number: int, text: str) -> Book:
    return Book(
        title=text[:60],
        isbn=f"{number}{text}"[:20],
        author_id=number,
        summary=text,
        extra={text: [text, {text: text}]},
    )


def _session(user: User) -> UserSession:
    now = datetime.now(UTC)
    return UserSession(
        user_id=user.id,
        kind="browser",
        rotated_at=now,
        created_at=now,
        last_seen_at=now,
        expires_at=now.replace(year=now.year + 1),
        address='"><script>alert(5)</script>',
        user_agent=BROKEN[0],
    )


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """SQLite alone: it keeps what is longer than its column as well."""
    return sqlite_databases


@pytest.fixture
def site(settings: None, built: House) -> Iterator[Hostile]:
    with Hostile(built) as found:
        yield found


@pytest.fixture
def dialogs(page: Page) -> list[str]:
    """What a script of such a text would say."""
    found: list[str] = []

    def said(dialog: Dialog) -> None:
        found.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", said)
    return found


def asked(site: Site) -> Iterator[str]:
    """Each page of each view, with an address that says such a text in all that it is asked."""
    routes = [each for each in site.house.admin.site.app.routes if isinstance(each, Route)]
    paths = [each.path for each in routes if _is_page(each)]
    views = [str(view.key) for view in site.house.admin.site._model_views]
    text = quote(BROKEN[0])
    for path in paths:
        for view in views if "{resource}" in path else [""]:
            address = path.replace("{resource}", view)
            yield f"{address}?pk=1&q={text}&sort={text}&filter={text}&next={text}&name={text}"
    yield f"/books?q={quote('alert')}"
    yield f'/books?filter=title__contains="{quote("<script>")}"'


def stored(_: Site) -> Iterator[str]:
    """The pages of records that hold such a text."""
    for resource in ("books", "authors", "tags", "copies", "users", "roles", "api-keys"):
        yield f"/{resource}"
    yield from ("/sessions", "/audit", "/history", "/account")
    for key in range(1, len(BROKEN) + 1):
        for resource in ("books", "authors"):
            for page in ("detail", "edit", "history"):
                yield f"/{resource}/{page}?pk={key}"
            yield f"/{resource}/action?name=delete&pks={key}"
    for broken in BROKEN:
        for page in ("detail", "edit", "history"):
            yield f"/tags/{page}?pk={quote(broken[:40])}"
        yield f"/tags/action?name=delete&pks={quote(broken[:40])}"


def _is_page(route: Route) -> bool:
    files = route.path.endswith(("/lookup", "/export"))
    return "GET" in (route.methods or ()) and not files


@pytest.mark.parametrize(("pages", "least"), [(asked, 10), (stored, 25)])
def test_no_text_is_markup_on_any_page(
    site: Site,
    page: Page,
    page_log: PageLog,
    dialogs: list[str],
    pages: Callable[[Site], Iterator[str]],
    least: int,
) -> None:
    """No element of theirs, no script, no address that is a script, no violation of the policy."""
    sign_in(page, site)
    seen = 0
    for path in pages(site):
        answer = page.goto(site.url + path)
        assert answer is not None
        assert answer.status != 500, path
        assert page.locator(ATTRIBUTE).count() == 0, path
        addresses: list[Any] = page.evaluate(LINKS)
        assert not [each for each in addresses if str(each).startswith("javascript:")], path
        seen += MARK in page.content()
    assert seen > least
    assert dialogs == []
    assert page_log.violations == []


def test_nor_in_what_scripts_make_of_it(
    site: Site, page: Page, page_log: PageLog, dialogs: list[str]
) -> None:
    """The look-up that is typed into, and the panel of filters."""
    sign_in(page, site, "/books/edit?pk=1")
    page.get_by_role("searchbox", name="Find author").fill("alert")
    page.wait_for_function("document.querySelectorAll('#author_id option').length > 2")
    page.goto(f'{site.url}/books?filter=title__contains="{quote(BROKEN[1])}"')
    page.get_by_text("Filter", exact=True).first.click()
    assert page.locator(ATTRIBUTE).count() == 0
    page.goto(f"{site.url}/tags/add")
    page.get_by_label("Name").fill(BROKEN[0][:40])
    page.get_by_role("button", name="Save", exact=True).click()
    assert page.locator(ATTRIBUTE).count() == 0
    page.locator(".error").first.wait_for()
    assert dialogs == []
    assert page_log.violations == []
