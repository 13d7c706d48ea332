"""A secret in every field; none of them in any log, answer, error or repr."""

import gc
import importlib
import io
import pkgutil
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import pytest
import redis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from pydantic import BaseModel
from sqlalchemy import make_url

import backoffice
from backoffice.admin import Admin
from backoffice.auth import Auth, PasswordChanged, Principal, SignedIn, UserCreated
from backoffice.core import RequestId, problem_details
from backoffice.core.command import main
from backoffice.core.redaction import is_secret_name
from backoffice.ratelimit import RateLimit
from tests.admin.conftest import ORIGIN, fields_of
from tests.auth.conftest import create_tables
from tests.canaries import Canaries, everything_in
from tests.services.redis import RedisServer
from tests.services.redis import redis_server as running_redis

Copies = Callable[[str, Callable[[str], None]], str]

APP = """
from fastapi import FastAPI
from backoffice.auth import Auth
auth = Auth()
app = FastAPI()
app.include_router(auth.router, prefix="/auth")
"""


@pytest.fixture
def canaries(monkeypatch: pytest.MonkeyPatch) -> Iterator[Canaries]:
    """Canaries in the settings; the test fails when any is found."""
    # Objects of the tests before this one are many, and hold none of them.
    gc.collect()
    gc.freeze()
    found = Canaries()
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", found.new("secret key"))
    mail = found.new("password of mail")
    monkeypatch.setenv("BACKOFFICE_MAIL__URL", f"smtp://ann:{mail}@127.0.0.1:1")
    monkeypatch.setenv("BACKOFFICE_MAIL__SENDER", "shop@example.org")
    monkeypatch.setenv("BACKOFFICE_AUTH__SIGN_IN_LIMIT", "1000/minute")
    with found.reading_logs():
        yield found
    assert not found.leaks


@pytest.fixture
def locked_redis(canaries: Canaries) -> Iterator[str]:
    """The address of a Redis that wants a password."""
    with running_redis() as server:
        yield _locked(server, canaries.new("password of redis"))


def _locked(server: RedisServer, password: str) -> str:
    url = server.fresh_url()
    with redis.Redis.from_url(url) as client:
        client.config_set("requirepass", password)
    return url.replace("://", f"://:{password}@")


class House:
    """A running app with all that there is; what it answers is looked at."""

    def __init__(self, canaries: Canaries) -> None:
        self.canaries = canaries
        self.app = _app(canaries)
        self.client = TestClient(self.app, raise_server_exceptions=False, follow_redirects=False)

    def ask(self, method: str, path: str, **options: Any) -> Response:
        answer = self.client.request(method, path, **options)
        self.canaries.look(f"the answer to {method} {path}", everything_in(answer))
        return answer

    def form(self, path: str, form: dict[str, Any]) -> Response:
        return self.ask("POST", path, data=form, headers=ORIGIN)


def _app(canaries: Canaries) -> FastAPI:
    app, auth = FastAPI(), Auth()
    app.add_middleware(RequestId, access=True)
    problem_details(app)
    app.include_router(auth.router, prefix="/auth")
    app.include_router(Admin(auth).router, prefix="/admin")

    @app.get("/broken")
    async def broken(who: Annotated[Principal | None, auth.optional()]) -> None:
        raise RuntimeError(f"broken by {who}")

    @app.get("/limited", dependencies=[RateLimit("1/day", on_error="closed")])
    async def limited() -> None: ...

    async def look(event: Any, *_: Any) -> None:
        canaries.look_at_objects(f"while {event.name}")

    for event in (SignedIn, PasswordChanged, UserCreated):
        auth.on(event)(look)
        auth.within(event)(look)
    return app


def test_a_day_of_work_shows_no_secret(
    canaries: Canaries,
    locked_redis: str,
    database_from_template: Copies,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = database_from_template("canary", create_tables)
    if password := make_url(url).password:
        canaries.add("password of the database", str(password))
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
    monkeypatch.setenv("BACKOFFICE_REDIS_URL", locked_redis)
    house = House(canaries)
    with house.client:
        sign_up_and_in(house)
        send_what_cannot_be_used(house)
        keys_and_tokens(house)
        a_day_at_the_admin(house)
        canaries.look_at_objects("at the end of the day")


def sign_up_and_in(house: House) -> None:
    canaries = house.canaries
    password, wrong = canaries.new("password"), canaries.new("wrong password")
    for _ in range(2):
        house.ask("POST", "/auth/register", json={"email": ANN, "password": password})
    refused = house.ask("POST", "/auth/login", data={"username": ANN, "password": wrong})
    assert refused.status_code == 401
    house.ask("POST", "/auth/login", data={"username": "nobody@x.org", "password": wrong})
    token = signed_in(house, ANN, password)
    new, weak = canaries.new("new password"), canaries.new("weak password")
    change = {"current_password": wrong, "new_password": new}
    assert house.ask("POST", "/auth/me/password", json=change, headers=token).status_code == 422
    long = {"current_password": password, "new_password": weak * 40}
    assert house.ask("POST", "/auth/me/password", json=long, headers=token).status_code == 422
    right = {"current_password": password, "new_password": new}
    assert house.ask("POST", "/auth/me/password", json=right, headers=token).status_code == 204
    signed_in(house, ANN, new)


ANN = "ann@example.com"


def signed_in(house: House, email: str, password: str) -> dict[str, str]:
    """The header of a new access token; the tokens are canaries from now on."""
    answer = house.ask("POST", "/auth/login", data={"username": email, "password": password})
    assert answer.status_code == 200, answer.text
    return minted(house, answer)


def minted(house: House, answer: Response) -> dict[str, str]:
    tokens = answer.json()
    # What can be guessed is none of it: the header, the claims, the id of the session.
    house.canaries.add("access token", tokens["access_token"].rpartition(".")[2])
    house.canaries.add("refresh token", tokens["refresh_token"][-30:])
    house.client.headers["X-Refresh"] = tokens["refresh_token"]
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def send_what_cannot_be_used(house: House) -> None:
    secret = house.canaries.new("what cannot be used")
    bodies: list[dict[str, Any]] = [
        {"json": {"email": ANN, "password": {"is": secret}}},
        {"json": {"email": secret, "password": secret}},
        {"json": {"email": ANN, "password": secret, "more": secret}},
        {"json": [secret]},
        {"content": f'{{"password": "{secret}", "email": NaN'},
        {"content": f'{{"password": "{secret}\\ud800", "email": NaN}}'},
        {"content": secret.encode() + b"\xff"},
        {"data": {"password": secret}},
    ]
    for body in bodies:
        options = {"headers": {"Content-Type": "application/json"}} if "content" in body else {}
        for path in ("/auth/register", "/auth/login", "/auth/refresh", "/auth/api-keys"):
            assert house.ask("POST", path, **body, **options).status_code < 500
    for header in (f"Bearer {secret}", f"Basic {secret}", f"Bearer eyJ{secret}.{secret}.{secret}"):
        answer = house.ask("GET", "/auth/me", headers={"Authorization": header})
        assert answer.status_code == 401
    for key in (secret, f"bo_{secret}", f"bo_{secret[:12]}_{secret}"):
        assert house.ask("GET", "/auth/me", headers={"X-API-Key": key}).status_code == 401
    for cookie in (secret, f"{secret};{secret}"):
        house.ask("GET", "/auth/me", headers={"Cookie": f"backoffice_session={cookie}"})
    house.ask("GET", f"/auth/{secret}?token={secret}", headers={"X-Request-ID": secret})


def keys_and_tokens(house: House) -> None:
    canaries, password = house.canaries, house.canaries.new("password of ben")
    house.ask("POST", "/auth/register", json={"email": BEN, "password": password})
    token = signed_in(house, BEN, password)
    made = house.client.post("/auth/api-keys", json={"name": "ci"}, headers=token)
    key = made.json()["key"]
    canaries.add("API key", key.rpartition("_")[2])
    assert house.ask("GET", "/auth/api-keys", headers=token).json()[0]["name"] == "ci"
    assert house.ask("GET", "/auth/me", headers={"X-API-Key": key}).status_code == 200
    assert house.ask("GET", "/broken", headers={"X-API-Key": key}).status_code == 500
    assert house.ask("GET", "/broken", headers=token).status_code == 500
    assert house.ask("GET", "/limited", headers={"X-API-Key": key}).status_code == 200
    assert house.ask("GET", "/limited", headers={"X-API-Key": key}).status_code == 429
    both = {"X-API-Key": key, **token}
    assert house.ask("GET", "/auth/me", headers=both).status_code == 400
    spoilt = {"Authorization": token["Authorization"][:-3] + "abc"}
    assert house.ask("GET", "/auth/me", headers=spoilt).status_code == 401
    refresh = {"refresh_token": house.client.headers["X-Refresh"]}
    again = house.ask("POST", "/auth/refresh", json=refresh)
    assert again.status_code == 200
    token = minted(house, again)
    assert house.ask("POST", "/auth/refresh", json={"refresh_token": "x" * 99}).status_code == 401
    assert house.ask("DELETE", f"/auth/api-keys/{made.json()['id']}", headers=token).is_success
    assert house.ask("POST", "/auth/logout-all", headers=token).status_code == 204
    assert house.ask("GET", "/auth/me", headers=token).status_code == 401


BEN = "ben@example.com"


def a_day_at_the_admin(house: House) -> None:
    canaries, password = house.canaries, house.canaries.new("password of an administrator")
    _superuser(house, password)
    wrong = {"email": ROOT, "password": canaries.new("wrong password at the admin")}
    assert house.form("/admin/login", wrong).status_code == 401
    entered = house.client.post(
        "/admin/login", data={"email": ROOT, "password": password}, headers=ORIGIN
    )
    assert entered.status_code == 303, entered.text
    canaries.add("session cookie", house.client.cookies["backoffice_session"][-30:])
    for page in ("users", "roles", "sessions", "api-keys", "audit"):
        shown = house.ask("GET", f"/admin/{page}")
        assert shown.status_code == 200, page
        house.ask("GET", f"/admin/{page}/export?format=json")
    form = fields_of(house.ask("GET", "/admin/users/add").text)
    new = canaries.new("password given at the admin")
    for email, status in (("no address", 422), ("cy@example.com", 303), ("cy@example.com", 422)):
        sent = house.form("/admin/users/add", {**form, "email": email, "password": new})
        assert sent.status_code == status, sent.text
    assert house.form("/admin/users/add", {"password": new}).status_code == 403
    house.ask("GET", "/admin/users")
    assert house.form("/admin/logout", {"csrf_token": form["csrf_token"]}).status_code == 303


ROOT = "root@example.com"


def _superuser(house: House, password: str) -> None:
    from backoffice.core.singletons import STATE, Run

    run: Run = house.client.app_state[STATE]

    async def create() -> None:
        from backoffice.auth import Services

        services = await run.find(Services)
        assert services is not None
        await services.users.create(ROOT, password, superuser=True, actor="test")

    assert house.client.portal is not None
    house.client.portal.call(create)


def test_services_that_are_away_show_no_secret(
    canaries: Canaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, store = canaries.new("password of the database"), canaries.new("password of redis")
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", f"postgresql://ann:{database}@127.0.0.1:1/shop")
    monkeypatch.setenv("BACKOFFICE_REDIS_URL", f"redis://ann:{store}@127.0.0.1:1/0")
    password, key = canaries.new("password"), "bo_" + "a" * 12
    house = House(canaries)
    with house.client:
        form = {"username": ANN, "password": password}
        assert house.ask("POST", "/auth/login", data=form).status_code == 503
        assert house.ask("GET", "/limited").status_code == 503
        assert house.ask("GET", "/auth/me", headers={"X-API-Key": key}).status_code == 401
        house.form("/admin/login", {"email": ANN, "password": password})
        canaries.look_at_objects("while all is away")


def test_a_redis_that_does_not_know_us_is_told_without_a_password(
    locked_redis: str, canaries: Canaries, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = urlsplit(locked_redis).password
    url = locked_redis.replace(f":{own}@", f"ann:{canaries.new('another password')}@")
    monkeypatch.setenv("BACKOFFICE_REDIS_URL", url)
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", f"sqlite:///{tmp_path}/shop.db")
    house = House(canaries)
    with house.client:
        assert house.ask("GET", "/limited").status_code == 503
        canaries.look_at_objects("while Redis refuses us")


WRONG_SETTINGS = {
    "BACKOFFICE_SECRET_KEY": "{}",
    "BACKOFFICE_DATABASE_URL": "postgresql//ann:{}@host",
    "BACKOFFICE_REDIS_URL": "http://ann:{}@host",
    "BACKOFFICE_MAIL__URL": "ftp://ann:{}@host",
    "BACKOFFICE_AUTH__ISSUER": "",
    "BACKOFFICE_AUTH__ACCESS_LIFETIME": "{}",
    "BACKOFFICE_RATELIMIT__PREFIX": "{} \n",
    "BACKOFFICE_ADMIN__PAGE_SIZE": "{}",
}


@pytest.mark.parametrize("variable", WRONG_SETTINGS)
def test_a_setting_that_is_wrong_is_not_repeated(
    variable: str, canaries: Canaries, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    secret = canaries.new("a wrong setting")[:30]
    monkeypatch.setenv(variable, WRONG_SETTINGS[variable].format(secret))
    try:
        with House(canaries).client:
            pass
    except Exception as error:  # noqa: BLE001 - whatever is shown is looked at
        canaries.look("the error", "".join(traceback.format_exception(error)) + repr(error))
    canaries.look_at_objects("after a failed start")


Command = Callable[..., int]


@pytest.fixture
def command(
    canaries: Canaries,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Command]:
    """Runs `backoffice ...`, looks at all it says and gives the exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "main.py").write_text(APP)

    def run(*arguments: str, stdin: str = "") -> int:
        monkeypatch.setattr(sys, "argv", ["backoffice", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        canaries.look(f"stderr of {' '.join(arguments[:2])}", err)
        canaries.look(f"stdout of {' '.join(arguments[:2])}", out)
        return int(ended.value.code or 0)

    yield run
    sys.modules.pop("main", None)


def test_commands_show_no_secret(
    command: Command,
    canaries: Canaries,
    database_from_template: Copies,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_from_template("auth", create_tables))
    password = f"{canaries.new('password')}\n"
    create = ("users", "create", ANN, "--password-stdin")
    assert command(*create, stdin=password) == 0
    assert command(*create, stdin=password) == 5
    assert command("users", "create", "no address", "--password-stdin", stdin=password) == 2
    assert command(*create, "--role", "nobody", stdin=password) == 4
    assert command("users", "set-password", ANN, "--password-stdin", stdin=password) == 0
    assert command(*create, stdin=password[:-1] * 40) == 2
    for verb in (["users", "list"], ["settings", "show"], ["doctor"], ["secrets", "generate"]):
        for options in ([], ["--json"]):
            command(*verb, *options)


@pytest.mark.parametrize("away", ["postgresql://ann:{}@127.0.0.1:1/shop", "sqlite:////{}/x.db"])
def test_commands_without_a_database_show_no_secret(
    away: str, command: Command, canaries: Canaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = canaries.new("password of the database")
    if away.startswith("sqlite"):
        secret = "nowhere"
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", away.format(secret))
    password = canaries.new("password")
    assert command("users", "create", ANN, "--password-stdin", stdin=f"{password}\n") == 6
    assert command("migrate", "up") == 6
    command("migrate", "status", "--json")
    command("doctor")
    command("settings", "show")


def classes() -> Iterator[type]:
    """Every class of ours that has fields."""
    for module in pkgutil.walk_packages(backoffice.__path__, "backoffice."):
        if ".migrations.versions." not in module.name:
            found = vars(importlib.import_module(module.name)).values()
            yield from (each for each in found if isinstance(each, type))


def shown_fields(kind: type) -> Iterator[tuple[str, str]]:
    """The fields that a repr of the class shows, with their types."""
    if is_dataclass(kind):
        yield from ((each.name, str(each.type)) for each in fields(kind) if each.repr)
    elif issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if field.repr:
                yield name, str(field.annotation)


HIDDEN = {"digest", "secret", "hashed_password", "key", "keys", "hash", "mac"}
#: What is called so and is none: the ids of keys, and of records.
HARMLESS = {(f"ApiKey{done}", "key") for done in ("Created", "Revoked", "Rotated")}
HARMLESS |= {("Choice", "key")}
#: The digests of the audit log's chain, and what limits are counted under: digests as well.
HARMLESS |= {(kind, "digest") for kind in ("AuditEntry", "AuditHead", "AuditPruned", "Verified")}
HARMLESS |= {("NewEntry", "digest")}
#: Of the content of a file of accounts.
HARMLESS |= {(kind, "digest") for kind in ("UserImport", "UsersImported", "Run")}
#: Of what a batch is of, and the key of its table.
HARMLESS |= {("Entry", "digest"), ("_Source", "key")}
#: Keys of records, and what stood in the fields of a form.
HARMLESS |= {(kind, "key") for kind in ("Asked", "Opened", "Row")} | {("Stood", "digest")}
#: The field by which the rows of a file find their records.
HARMLESS |= {("Import", "key"), ("Matching", "key")}
HARMLESS |= {("Counted", "digest"), ("Policy", "keys"), ("Request", "keys"), ("Whom", "key")}


def test_no_class_shows_a_text_that_is_called_like_a_secret() -> None:
    found = {
        (kind.__name__, name)
        for kind in classes()
        if kind.__module__.startswith("backoffice.")
        for name, told in shown_fields(kind)
        if (is_secret_name(name) or name in HIDDEN)
        and re.search(r"\b(str|bytes)\b", told)
        and "SecretStr" not in told
    }
    assert found - HARMLESS == set()
    assert {kind for kind, _ in found} >= {"ApiKeyCreated", "Choice"}, "nothing was looked at"


def test_a_canary_is_found_wherever_it_stands() -> None:
    """The tests above can fail."""
    import base64

    secret = "a secret that nobody knows"
    texts = [
        f"before{secret}after",
        base64.b64encode(b"ann:" + secret.encode()).decode(),
        base64.urlsafe_b64encode(b"xy" + secret.encode() + b"z").decode(),
        secret.encode().hex(),
        secret[::-1],
        secret[5:20],
    ]
    for text in texts:
        canaries = Canaries()
        canaries.add("it", secret)
        canaries.look("the text", text)
        assert canaries.leaks == {"it (0) in the text"}, text
