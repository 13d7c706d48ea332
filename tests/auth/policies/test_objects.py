"""`auth.require(..., on=...)`: who may not see an object learns nothing of it."""

from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, WebSocket
from starlette.websockets import WebSocketDisconnect

from backoffice.auth import Auth, Principal, policy, public
from backoffice.core import SetupError
from backoffice.core.testing import RunningApp
from tests.auth.conftest import AppWithAccounts, create_tables
from tests.auth.policies.desk import PaperShown
from tests.auth.policies.papers import Paper, Shelf, State
from tests.services.databases import Databases


def paper_of(number: int) -> Paper | None:
    """From nowhere, by a plain function: the public ones may be seen, the first is a draft."""
    loaded.append(number)
    if number > 2:
        return None
    return Paper(id=number, public=number < 2, state=State.draft)


loaded: list[int] = []
Found = Annotated[Paper, Depends(paper_of)]


@pytest.fixture
def app(sqlite_databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppWithAccounts]:
    loaded.clear()
    auth, app = Auth(), FastAPI()
    app.include_router(auth.router, prefix="/auth")
    auth.policy(Paper, "view")(lambda who, paper: paper.public)  # type: ignore[arg-type, return-value]
    auth.policy(Paper, "change", "print")(lambda who, paper: False)
    auth.policy(Paper, "sign")(lambda who, paper: True)

    @app.get("/{number}/change")
    async def change(
        who: Annotated[Principal, auth.require("papers:change", on=paper_of)], paper: Found
    ) -> str:
        return who.email

    @app.get("/{number}/sign", dependencies=[auth.require("papers:sign", on=paper_of)])
    async def sign(paper: Found) -> int | None:
        return paper.id

    either = auth.require(any_of=("papers:print", "papers:sign"), on=paper_of)
    app.get("/{number}/either", dependencies=[either])(_nothing)

    app.get("/{number}/open", dependencies=[auth.require("papers:change", on=paper_of)])(
        public(_nothing_public)
    )

    app.get("/{kind}/unsaid", dependencies=[auth.require("papers:change", on=unsaid)])(_nothing)

    @app.websocket("/{number}/watch")
    async def watch(
        websocket: WebSocket,
        who: Annotated[Principal, auth.require("papers:change", on=paper_of)],
    ) -> None: ...

    with sqlite_databases.copy("auth", create_tables) as url:
        monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
        monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
        with AppWithAccounts(auth, app) as found:
            yield found


def unsaid(kind: str) -> Any:
    """Does not say what it gives."""
    return {"row": (Paper(id=1),), "schema": PaperShown(id=1, level=1), "unruled": Shelf(id=1)}[
        kind
    ]


async def _nothing() -> None: ...


async def _nothing_public() -> None: ...


def test_nothing_is_loaded_for_those_without_the_permission(app: AppWithAccounts) -> None:
    """Nor for strangers: whether there is such a thing cannot be told by their answers."""
    assert app.client.get("/1/change").status_code == 401
    refused = app.accounts.signed_in(permissions=["papers:view"]).get("/1/change")
    assert refused.json()["detail"]["code"] == "insufficient_scope"
    assert loaded == []


def test_what_one_may_not_see_is_as_if_it_were_not_there(app: AppWithAccounts) -> None:
    """To the letter."""
    client = app.accounts.signed_in(permissions=["papers:change", "papers:view"])
    hidden, gone, seen = (client.get(f"/{each}/change") for each in (2, 3, 1))
    assert hidden.status_code == gone.status_code == 404
    assert hidden.content == gone.content
    assert (seen.status_code, seen.json()["detail"]["code"]) == (403, "not_permitted")


def test_seeing_needs_the_permission_too(app: AppWithAccounts) -> None:
    """`view` or `read`, whichever the app has."""
    blind = app.accounts.signed_in(permissions=["papers:change"])
    assert blind.get("/1/change").status_code == 404
    for permission in ("papers:view", "papers:*"):
        client = app.accounts.signed_in(permissions=["papers:change", permission])
        assert client.get("/1/change").status_code == 403


def test_whoever_the_policy_lets_is_let_and_the_object_is_loaded_once(
    app: AppWithAccounts,
) -> None:
    client = app.accounts.signed_in(permissions=["papers:sign"])
    assert client.get("/2/sign").json() == 2
    assert loaded == [2]


def test_the_holder_of_everything_passes_every_policy(app: AppWithAccounts) -> None:
    root = app.accounts.signed_in(superuser=True)
    assert root.get("/2/change").status_code == 200
    assert root.get("/3/change").status_code == 404


def test_one_of_several_will_do_if_its_own_policy_lets(app: AppWithAccounts) -> None:
    signing = app.accounts.signed_in(permissions=["papers:sign"])
    printing = app.accounts.signed_in(permissions=["papers:print"])
    assert signing.get("/1/either").status_code == 200
    assert printing.get("/1/either").status_code == 404


def test_a_websocket_is_refused_before_it_is_accepted(app: AppWithAccounts) -> None:
    client = app.accounts.signed_in(permissions=["papers:change"])
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/2/watch"):
        pass


def test_a_refusal_is_noted_where_there_was_something_to_refuse(
    app: AppWithAccounts, caplog: pytest.LogCaptureFixture
) -> None:
    client = app.accounts.signed_in(permissions=["papers:change", "papers:view"])
    with caplog.at_level("INFO", "backoffice.auth.refusals"):
        for number in (1, 2, 3):
            client.get(f"/{number}/change")
    told = [each.message for each in caplog.records if each.name == "backoffice.auth.refusals"]
    assert told == ["refused: not_permitted", "refused: not_found"]


def test_a_public_route_judges_nobody(app: AppWithAccounts) -> None:
    """Though a guard stands at its router."""
    assert app.client.get("/2/open").status_code == 200


@pytest.mark.parametrize(
    ("kind", "message"), [("row", "table"), ("schema", "table"), ("unruled", "no policy")]
)
def test_what_no_policy_can_judge_is_let_through_to_nobody(
    app: AppWithAccounts, kind: str, message: str
) -> None:
    """A row of several columns, a schema, an object of a model without policies."""
    client = app.accounts.signed_in(permissions=["papers:*"])
    with pytest.raises(SetupError, match=message):
        client.get(f"/{kind}/unsaid")


@pytest.mark.parametrize("asked", [(), ("*",), ("papers:*",), ("papers:change", "papers:*")])
def test_an_object_is_judged_by_an_action(asked: tuple[str, ...]) -> None:
    with pytest.raises(SetupError, match="needs a permission to judge"):
        Auth().require(*asked, on=paper_of)


def test_an_object_comes_from_a_dependency() -> None:
    nothing: Any = Paper
    with pytest.raises(SetupError, match="takes the dependency"):
        Auth().require("papers:change", on=nothing())


def test_an_object_of_no_policy_keeps_the_app_from_starting() -> None:
    """As with a mistyped action, by which nothing would be judged."""
    auth, app = Auth(policies=[policy(Paper, "chagne")(lambda who, paper: False)]), FastAPI()
    app.include_router(auth.router, prefix="/auth")
    auth.require("papers:change", on=paper_of)
    with pytest.raises(SetupError, match="Paper has no policy for it"), RunningApp(app):
        pass
