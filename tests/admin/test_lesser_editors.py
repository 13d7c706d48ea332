"""Somebody who may do everything but one thing: that thing is refused on every way to it.

The ways are those that the router has, so that a page that is added has to be told here.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlmodel import select
from starlette.routing import Route

from backoffice.admin.history.models import Change
from backoffice.admin.jobs.models import BulkJob
from backoffice.admin.records import RecordView
from tests.admin.conftest import ORIGIN, House
from tests.admin.library import Author, Book, Copy, Tag

#: What each page of a view needs, besides `view`. None stands for what an action says itself.
NEEDS: dict[str, str | None] = {
    "/{resource}": "view",
    "/{resource}/views": "view",
    "/{resource}/columns": "view",
    "/{resource}/cell": "change",
    "/{resource}/add": "add",
    "/{resource}/detail": "view",
    "/{resource}/edit": "change",
    "/{resource}/action": None,
    "/{resource}/export": "export",
    "/{resource}/import": "import",
    "/{resource}/import/match": "import",
    "/{resource}/import/write": "import",
    "/{resource}/import/refused": "import",
    "/{resource}/lookup": "view",
    "/{resource}/history": "view",
    "/{resource}/undo": "change",
}
#: What somebody has changed before: each can be undone.
CHANGES = {
    "/books/edit?pk=1": {"title": "Alpha2"},
    "/authors/edit?pk=1": {"name": "Ada2"},
    "/copies/edit?pk=1,1": {"shelf": "a"},
}
VERBS = ("view", "add", "change", "delete", "export", "import")
ROLE = "all but one thing"


def views(house: House) -> list[RecordView]:
    return [each for each in house.admin.site._model_views if isinstance(each, RecordView)]


@pytest.fixture
def editor(stocked: House) -> House:
    """Ann, whose one role each test changes; and a record for every view."""
    stocked.add(Copy(book_id=1, number=1))
    stocked.signed_in(superuser=True, email="root@example.com")
    for page, form in CHANGES.items():
        assert stocked.send(page, form).status_code == 303, page
    bob = stocked.user("bob@example.com", "books:view")
    stocked.call(stocked.services.keys.create(bob, "nightly", actor="test"))
    ann = stocked.user("ann@example.com")
    stocked.call(stocked.services.roles.create(ROLE, ["admin:enter"], actor="test"))
    stocked.call(stocked.services.roles.grant(ann.id, ROLE, actor="test"))
    stocked.sign_in()
    return stocked


def allow_all_but(house: House, *missing: str) -> None:
    """All that the admin knows, without these."""
    known = {each.name for each in house.admin.site.permissions}
    roles = house.services.roles
    role = next(role for role, _ in house.call(roles.all()) if role.name == ROLE)
    house.call(roles.change(role.id, permissions=sorted(known - set(missing)), actor="test"))


def key_of(house: House, view: RecordView) -> str:
    """A record of the view that is none of Ann's own."""

    async def found() -> str:
        async with house.services.database.session() as session:
            rows = (await session.exec(select(view.model))).all()
            records = [each for each in rows if getattr(each, "email", "") != "ann@example.com"]
            return view.keys.of(records[0])

    return house.call(found())


def change_of(house: House, view: RecordView) -> int | None:
    """A change of one of the view's records that may be undone."""
    found = [each for each in house.all(Change) if each.resource == view.resource]
    return next((each.number for each in found if each.action == "change"), None)


def library(house: House) -> list[dict[str, Any]]:
    return [each.model_dump() for model in (Author, Book, Tag, Copy) for each in house.all(model)]


def pages(house: House) -> list[Route]:
    """Those of the views."""
    routes = [each for each in house.admin.site.app.routes if isinstance(each, Route)]
    return [each for each in routes if each.path.startswith("/{resource}")]


def ways(house: House, view: RecordView) -> Iterator[tuple[str, str, dict[str, Any], str]]:
    """Method, path, what is sent, and the verb that it needs: all that reach records of a view."""
    key, change = key_of(house, view), change_of(house, view)
    for route in pages(house):
        address = route.path.replace("{resource}", view.resource)
        for method in sorted((route.methods or set()) - {"HEAD"}):
            if (verb := NEEDS[route.path]) is not None:
                if change is not None or not route.path.endswith("/undo"):
                    sent = {"pk": key, "q": "a", "change": change}
                    # A file leaves no condition out that it does not understand.
                    yield method, address, {"q": "a"} if verb == "export" else sent, verb
                continue
            for action in view.actions or ():
                if action != "export":
                    verb = view.verb_of(action)
                    yield method, address, {"name": action, "pks": key}, verb
                    yield method, address, {"name": action, "all": "1", "query": ""}, verb


def asked(house: House, method: str, path: str, sent: dict[str, Any], token: str) -> int:
    client = house.client
    if method == "GET":
        return client.get(f"/admin{path}", params=sent).status_code
    form = {"csrf_token": token, **sent}
    query: dict[str, Any] = {name: sent[name] for name in ("pk", "change") if name in sent}
    return client.request(
        method, f"/admin{path}", params=query, data=form, headers=ORIGIN
    ).status_code


def test_each_page_of_a_view_is_told_here(house: House) -> None:
    assert {each.path for each in pages(house)} == set(NEEDS)


def test_what_is_missing_is_refused_on_every_way_to_it(editor: House) -> None:
    """For each view, each verb, each page, each action."""
    before = library(editor)
    allow_all_but(editor)
    token, count = editor.token(), 0
    for view in views(editor):
        found = list(ways(editor, view))
        for verb in VERBS:
            allow_all_but(editor, f"{view.resource}:{verb}")
            for method, path, sent, needed in found:
                if verb in ("view", needed):
                    status = asked(editor, method, path, sent, token)
                    assert status == 403, (verb, method, path, sent, status)
                    count += 1
    assert count > 150
    assert library(editor) == before


def test_what_is_there_is_not_refused(editor: House) -> None:
    """So that the test above sees the one thing that is missing, and nothing else."""
    allow_all_but(editor)
    token = editor.token()
    for resource in ("books", "authors", "tags", "copies"):
        view = next(each for each in views(editor) if each.resource == resource)
        for method, path, sent, _ in ways(editor, view):
            if method == "GET":
                status = asked(editor, method, path, sent, token)
                # No file was sent, and no field of a cell is named.
                missing = path.endswith(("/cell", "/import", "/import/refused"))
                assert status == (404 if missing else 200), (method, path, sent, status)


def test_the_same_page_of_another_view_is_no_way_round(editor: House) -> None:
    """The view of the address decides, whatever else a request names."""
    allow_all_but(editor, *(f"books:{verb}" for verb in VERBS))
    token = editor.token()
    for extra in ("books", "Books", "../books", "/admin/books"):
        for name in ("resource", "view", "key", "model", "identity"):
            sent = {"name": "delete", "pks": "1", name: extra}
            status = asked(editor, "POST", "/tags/action", sent, token)
            assert status in (303, 404), (name, extra)
    assert len(editor.all(Book)) == 3


#: Forms of everybody, and what they are answered where there is nothing of one's own.
FORMS_OF_EVERYBODY = {
    "/system/first-steps": 303,
    "/look": 303,
    "/impersonation/end": 404,
    "/bulk-jobs/cancel": 404,
    "/account/sessions": 400,
    "/account/password": 422,
}


@pytest.mark.one_database
def test_what_is_everybodys_tells_and_does_nothing_of_others(stocked: House) -> None:
    """Of records, pages, jobs and sessions that are not theirs."""
    stocked.signed_in("books:*", email="bea@example.com")
    stocked.send("/books/action", {"name": "delete", "all": "1", "query": "q=nothing"})
    beas = dict(stocked.client.cookies)
    stocked.client.cookies.clear()
    stocked.signed_in()
    for path in ("/search?q=a", "/search", "/bulk-jobs", "/bulk-jobs?whose=all", "/account"):
        answer = stocked.open(path)
        assert answer.status_code == 200
        found = re.findall(r"bea@|Ada|Alpha|Delete|/admin/(?:books|users)", answer.text)
        assert not found, path
    assert stocked.open("/account/keyboard").status_code == 200
    assert stocked.open("/bulk-jobs/detail?pk=1").status_code == 404
    for path, status in FORMS_OF_EVERYBODY.items():
        assert stocked.send(path, {"pk": "1"}, token="forged").status_code == 403, path
        assert stocked.send(path, {"pk": "1"}).status_code == status, path
    job = stocked.get(BulkJob, 1)
    assert job is not None
    assert not job.cancel_asked
    stocked.client.cookies.clear()
    stocked.client.cookies.update(beas)
    assert stocked.open("/bulk-jobs/detail?pk=1").status_code == 200
