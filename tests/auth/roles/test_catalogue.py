"""The app knows which permissions it asks for, and refuses others with what was meant."""

import logging
from typing import Annotated

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from sqlalchemy import text

from backoffice.admin import Admin
from backoffice.auth import Auth, Principal, Services
from backoffice.auth.catalogue import Catalogue, Known
from backoffice.core import Database, InvalidInput, Run, SetupError
from backoffice.core.testing import RunningApp
from tests.auth.conftest import House, create_tables
from tests.auth.test_revocations import Copies
from tests.services.databases import Databases


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """What is asked of the database here is asked of both elsewhere."""
    return sqlite_databases


@pytest.fixture
def auth(database_from_template: Copies, monkeypatch: pytest.MonkeyPatch) -> Auth:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_from_template("auth", create_tables))
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    return Auth()


def app_of(auth: Auth, *permissions: str) -> FastAPI:
    """An app with a route for each of these."""
    app = FastAPI()
    app.include_router(auth.router, prefix="/auth")
    for each in permissions:
        app.get(f"/{each}", dependencies=[auth.require(each)])(lambda: None)
    return app


def known(app: FastAPI) -> dict[str, Known]:
    """What the running app knows, but for the packages' own."""
    with RunningApp(app) as running:
        services = running.call(running.run.find(Services))
        assert services is not None
        found = services.catalogue.all()
    return {each.name: each for each in found if not each.source.startswith("backoffice.")}


def test_what_guards_ask_for_is_known_wherever_they_stand(auth: Auth) -> None:
    app = app_of(auth, "books:read")
    router = APIRouter(prefix="/orders", dependencies=[auth.require("orders:view")])

    either = auth.require(any_of=("orders:read", "a:b"))

    @router.get("/{id}")
    async def order(who: Annotated[Principal, either]) -> None:
        """Of a router, which asks for something as well."""

    @app.websocket("/live")
    async def live(
        websocket: WebSocket, who: Annotated[Principal | None, auth.optional("live:watch")]
    ) -> None:
        """A websocket."""

    inner = FastAPI()
    inner.get("/deep", dependencies=[auth.require("deep:see")])(lambda: None)
    router.mount("/inner", inner)
    app.include_router(router, prefix="/api")
    found = known(app)
    assert sorted(found) == [
        "a:b",
        "books:read",
        "deep:see",
        "live:watch",
        "orders:read",
        "orders:view",
    ]
    assert found["books:read"].source == "GET /books:read"
    assert found["deep:see"].source == "GET /api/inner/deep"


def test_what_another_auth_asks_for_is_not_known(auth: Auth) -> None:
    app = app_of(auth)
    app.get("/x", dependencies=[Auth().require("x:y")])(lambda: None)
    assert known(app) == {}


def test_models_of_an_admin_bring_their_permissions(auth: Auth) -> None:
    from example_app.models import Book

    app = app_of(auth)
    app.include_router(Admin(auth, models=[Book]).router, prefix="/admin")
    with RunningApp(app) as running:
        services = running.call(running.run.find(Services))
        assert services is not None
        found = {each.name: each.description for each in services.catalogue.all()}
    for verb in ("view", "add", "change", "delete", "export"):
        assert f"books:{verb}" in found
    assert {"admin:enter", "audit:view", "users:export"} <= found.keys()
    assert found["books:change"] == "Change books"


def test_an_app_that_declares_says_what_its_permissions_are_for(auth: Auth) -> None:
    read = auth.permission("books:read", "See books")
    assert read == "books:read"
    found = known(app_of(auth, read))
    assert found == {"books:read": Known("books:read", "See books", "auth.permission")}


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("books:raed", "did you mean books:read"),
        ("orders:view", "declare it by auth.permission"),
        ("boks:*", r"did you mean books:\*"),
    ],
)
def test_an_app_that_declares_does_not_start_where_a_route_asks_for_another(
    auth: Auth, asked: str, hint: str
) -> None:
    auth.permission("books:read", "See books")
    with pytest.raises(SetupError, match=f"GET /.* asks for .*{hint}"):
        known(app_of(auth, "books:read", "books:*", asked))


def test_what_the_packages_ask_for_need_not_be_declared(auth: Auth) -> None:
    auth.permission("books:read", "See books")
    app = app_of(auth, "books:read", "health:read", "admin:enter")
    app.include_router(Admin(auth).router, prefix="/admin")
    assert known(app).keys() == {"books:read"}


@pytest.mark.parametrize("name", ["*", "books:*", "Read books"])
def test_what_is_no_single_permission_is_not_declared(name: str) -> None:
    with pytest.raises(SetupError):
        Auth().permission(name)


def test_two_descriptions_of_one_permission_are_refused(auth: Auth) -> None:
    auth.permission("books:read", "See books")
    auth.permission("books:read", "See books")
    with pytest.raises(SetupError, match="twice"):
        auth.permission("books:read", "Read books")


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        ("books:raed", "did you mean books:read"),
        ("book:*", r"did you mean books:\*"),
        ("quantum:entangle", "backoffice permissions list"),
    ],
)
def test_no_role_and_no_grant_names_an_unknown_permission(
    house: House, wanted: str, hint: str
) -> None:
    user, roles, grants = house.user(), house.services.roles, house.services.grants
    role = house.call(roles.create("reader", ["books:read"], actor="test"))
    for change in (
        roles.create("other", [wanted], actor="test"),
        roles.allow("reader", [wanted], actor="test"),
        roles.change(role.id, permissions=[wanted], actor="test"),
        grants.give(user.id, wanted, actor="test"),
    ):
        with pytest.raises(InvalidInput, match=hint) as refused:
            house.call(change)
        assert refused.value.code == "unknown_permission"
    assert [role.name for role, _ in house.call(roles.all())] == ["reader"]


@pytest.mark.parametrize("wanted", ["books:read", "books:*", "*", "users:change", "health:read"])
def test_what_is_known_is_taken(house: House, wanted: str) -> None:
    house.call(house.services.roles.create("any", [wanted], actor="test"))


@pytest.mark.anyio
async def test_services_without_an_app_take_whatever_has_the_form(auth: Auth) -> None:
    async with Run() as run:
        services = await run.open(auth.services)
        await services.roles.create("any", ["quantum:entangle"], actor="test")
        with pytest.raises(InvalidInput, match="resource:action"):
            await services.roles.create("other", ["quantum entangle"], actor="test")


class TestForgotten:
    """Permissions that code asked for once, and asks for no more."""

    @pytest.fixture
    def old(self, auth: Auth) -> FastAPI:
        """An app whose database has a role and a grant of an older version."""
        with RunningApp(app_of(auth, "shop:open", "shop:close", "books:read")) as running:
            services = running.call(running.run.find(Services))
            assert services is not None
            held = ["shop:open", "shop:*", "books:read", "*"]
            running.call(services.roles.create("old", held, actor="test"))
            make = services.users.create("ann@example.com", "a long enough one", actor="test")
            user = running.call(make)
            running.call(services.grants.give(user.id, "shop:close", actor="test"))
        return app_of(auth, "books:read")

    def test_they_are_told_of_at_start_and_stop_nothing(
        self, old: FastAPI, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING), RunningApp(old):
            pass
        [line] = [each.getMessage() for each in caplog.records if "no more" in each.getMessage()]
        assert line.endswith("['shop:*', 'shop:close', 'shop:open']")

    def test_a_role_that_has_them_can_still_be_changed(self, old: FastAPI) -> None:
        with RunningApp(old) as running:
            services = running.call(running.run.find(Services))
            assert services is not None
            roles = services.roles
            role = running.call(roles.find("old"))
            kept = ["shop:open", "books:read"]
            running.call(roles.change(role.id, permissions=kept, actor="test"))
            assert running.call(roles.permissions_of(role.id)) == sorted(kept)
            assert running.call(roles.deny("old", ["shop:open"], actor="test")) == ["shop:open"]

    def test_a_line_names_so_many_at_most(self, auth: Auth) -> None:
        with RunningApp(app_of(auth)) as running:
            services = running.call(running.run.find(Services))
            assert services is not None
            running.call(_by_hand(services.database))
            assert len(running.call(services.effective.unknown(limit=7))) == 7


async def _by_hand(database: Database) -> None:
    role = "INSERT INTO backoffice_role (id, name, description) VALUES (:id, 'a', '')"
    held = "INSERT INTO backoffice_role_permission (role_id, permission) VALUES (:id, :held)"
    async with database.engine.begin() as connection:
        await connection.execute(text(role), {"id": "0" * 32})
        rows = [{"id": "0" * 32, "held": f"a:{number}"} for number in range(30)]
        await connection.execute(text(held), rows)


def test_a_catalogue_of_no_app_suggests_nothing() -> None:
    assert Catalogue().suggestion("books:read") is None
    assert Catalogue().checked("books:read") == "books:read"
