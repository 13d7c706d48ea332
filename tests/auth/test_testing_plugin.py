"""The fixtures serve apps that were not written for them, in projects of their own."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

#: A stock app: SQLModel, a lifespan that makes its tables, and our routers beside its own.
SHOP = """
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI
from sqlmodel import Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth import Auth, Principal, SignedIn
from backoffice.core import Database, database, session, singletons
from backoffice.core.mail import Mailer, Message, mailer


class Book(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    title: str


Session = Annotated[AsyncSession, Depends(session)]
auth = Auth()
starts: list[object] = []


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    starts.append(app)
    yield


app = FastAPI(lifespan=lifespan)
app.include_router(auth.router, prefix="/auth")


@app.get("/books", dependencies=[auth.require("books:read")])
async def books(session: Session) -> list[Book]:
    return list((await session.exec(select(Book))).all())


@app.post("/books")
async def add(
    book: Book,
    session: Session,
    who: Annotated[Principal, auth.require("books:write")],
    mailer: Annotated[Mailer, Depends(mailer)],
) -> None:
    session.add(book)
    await session.commit()
    await mailer.send(Message(to=who.email, subject="Added", text=book.title))
"""

CONFTEST = """
import shop
from pytest import fixture
backoffice_app = fixture(lambda: shop.app, name="backoffice_app")
"""

TABLES = """
@fixture(scope="session")
def backoffice_prepare():
    from sqlmodel import create_engine
    def prepare(url):
        engine = create_engine(url)
        shop.SQLModel.metadata.create_all(engine)
        engine.dispose()
    return prepare
"""

TESTS = """
from datetime import timedelta

from backoffice.auth import SignedIn
from backoffice.auth.testing import PASSWORD


def test_who_may_reads_and_writes(backoffice_signed_in):
    client = backoffice_signed_in(permissions=["books:read", "books:write"])
    assert client.get("/books").json() == []
    assert client.post("/books", json={"title": "Dune"}).status_code == 200
    assert [each["title"] for each in client.get("/books").json()] == ["Dune"]


def test_nothing_of_another_test_is_left(backoffice_signed_in):
    assert backoffice_signed_in(permissions=["books:read"]).get("/books").json() == []


def test_a_stranger_gets_401_and_the_wrong_role_403(
    backoffice_client, backoffice_accounts, backoffice_signed_in
):
    backoffice_accounts.role("reader", "books:read")
    reader = backoffice_signed_in(roles=["reader"])
    for client, status in ((backoffice_client, 401), (reader, 403)):
        assert client.post("/books", json={"title": "Dune"}).status_code == status


def test_a_token_runs_out(backoffice_signed_in, backoffice_clock):
    client = backoffice_signed_in(permissions=["books:read"])
    backoffice_clock.advance(timedelta(minutes=15, seconds=-1))
    assert client.get("/books").status_code == 200
    backoffice_clock.advance(1)
    assert client.get("/books").status_code == 401


def test_an_event_is_captured(backoffice_client, backoffice_accounts, backoffice_events):
    user = backoffice_accounts.user("ann@example.com")
    form = {"username": "ann@example.com", "password": PASSWORD}
    assert backoffice_client.post("/auth/login", data=form).status_code == 200
    [event] = backoffice_events.of(SignedIn)
    assert event.subject == f"user:{user.id}"


def test_mail_is_captured(backoffice_signed_in, backoffice_mail):
    ann = backoffice_signed_in("ann@example.com", superuser=True)
    ann.post("/books", json={"title": "Dune"})
    assert [each.text for each in backoffice_mail.to("ann@example.com")] == ["Dune"]
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with the stock app, on the machine of a developer who has set variables."""
    pytester.makepyfile(shop=SHOP)
    pytester.makeconftest(CONFTEST + TABLES)
    pytester.makepyprojecttoml("")
    for name in ("BACKOFFICE_DATABASE_URL", "backoffice_database_url"):
        monkeypatch.setenv(name, f"sqlite:///{pytester.path}/precious.db")
    monkeypatch.setenv("BACKOFFICE_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("BACKOFFICE_SECRETS_DIR", "/nowhere")
    monkeypatch.setenv("BACKOFFICE_AUTH__ACCESS_LIFETIME", "PT1S")
    return pytester


def passed(project: pytest.Pytester, count: int, *arguments: str) -> None:
    done = project.runpytest_subprocess("-W", "error", "-p", "no:asyncio", *arguments)
    done.assert_outcomes(passed=count)
    assert not (project.path / "precious.db").exists()


def test_an_app_that_exists_is_tested_with_a_conftest_of_three_lines(
    project: pytest.Pytester,
) -> None:
    project.makepyfile(test_shop=TESTS)
    passed(project, 6)


def test_tests_may_run_in_several_processes(project: pytest.Pytester) -> None:
    project.makepyfile(test_shop=TESTS)
    passed(project, 6, "-n", "2")


def test_an_app_that_makes_its_tables_when_it_starts_needs_no_more(
    project: pytest.Pytester,
) -> None:
    making = """
@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    from os import environ
    from sqlmodel import create_engine
    engine = create_engine(environ["BACKOFFICE_DATABASE_URL"])
    SQLModel.metadata.create_all(engine)
    engine.dispose()
    yield


app = FastAPI"""
    project.makepyfile(shop=SHOP.replace("app = FastAPI", making, 1))
    project.makeconftest(CONFTEST)
    project.makepyfile(test_shop=TESTS)
    passed(project, 6)


def test_the_apps_own_alembic_history_is_applied_once_per_session(
    project: pytest.Pytester,
) -> None:
    migrations = project.mkdir("migrations")
    (migrations / "versions").mkdir()
    (project.path / "alembic.ini").write_text("[alembic]\nscript_location = migrations\n")
    (migrations / "env.py").write_text(
        "from alembic import context\n"
        "context.configure(connection=context.config.attributes['connection'])\n"
        "with context.begin_transaction():\n"
        "    context.run_migrations()\n"
    )
    (migrations / "versions" / "one.py").write_text(
        "import pathlib\n"
        "import sqlalchemy as sa\n"
        "from alembic import op\n"
        "revision, down_revision = 'one', None\n"
        "def upgrade():\n"
        "    with pathlib.Path('applied').open('a') as file: file.write('x')\n"
        "    op.create_table('book', sa.Column('id', sa.Integer, primary_key=True),\n"
        "                    sa.Column('title', sa.String, nullable=False))\n"
    )
    project.makeconftest(CONFTEST)
    project.makepyfile(test_shop=TESTS)
    passed(project, 6)
    assert (project.path / "applied").read_text() == "x"


def test_a_history_that_leads_to_another_database_is_not_applied(
    project: pytest.Pytester,
) -> None:
    """The developer's own, most likely: its URL stands in alembic.ini."""
    migrations = project.mkdir("migrations")
    (migrations / "versions").mkdir()
    (project.path / "alembic.ini").write_text(
        "[alembic]\nscript_location = migrations\nsqlalchemy.url = sqlite:///own.db\n"
    )
    (migrations / "env.py").write_text(
        "from alembic import context\n"
        "from sqlalchemy import create_engine\n"
        "with create_engine(context.config.get_main_option('sqlalchemy.url')).connect() as own:\n"
        "    context.configure(connection=own)\n"
        "    with context.begin_transaction():\n"
        "        context.run_migrations()\n"
    )
    (migrations / "versions" / "one.py").write_text(
        "from alembic import op\n"
        "revision, down_revision = 'one', None\n"
        "def upgrade():\n"
        "    op.execute('CREATE TABLE book (id INTEGER, title VARCHAR)')\n"
    )
    project.makepyfile(test_shop="def test_it(backoffice_client): pass\n")
    done = project.runpytest_subprocess("-p", "no:asyncio")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*SetupError: env.py uses sqlite:///own.db*tests would change*"])
    with closing(sqlite3.connect(project.path / "own.db")) as own:
        assert own.execute("SELECT name FROM sqlite_master").fetchall() == []


def test_without_a_conftest_the_app_is_found_as_the_command_finds_it(
    project: pytest.Pytester,
) -> None:
    (project.path / "conftest.py").unlink()
    project.makepyprojecttoml('[tool.backoffice]\napp = "shop:app"\n')
    project.makepyfile(
        test_shop="def test_it(backoffice_app, backoffice_client):\n"
        "    assert backoffice_app.title == 'FastAPI'\n"
        "    assert backoffice_client.get('/books').status_code == 401\n"
    )
    passed(project, 1)


def test_where_there_is_no_app_the_error_says_what_to_do(project: pytest.Pytester) -> None:
    (project.path / "conftest.py").unlink()
    (project.path / "shop.py").unlink()
    project.makepyfile(test_shop="def test_it(backoffice_client): pass\n")
    done = project.runpytest_subprocess("-p", "no:asyncio")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*no FastAPI app found here*", "*override the fixture*"])


def test_settings_of_the_tests_are_those_that_conftest_names(project: pytest.Pytester) -> None:
    project.makeconftest(
        CONFTEST + TABLES + "@fixture\n"
        "def backoffice_settings():\n"
        "    return {'BACKOFFICE_AUTH__ACCESS_LIFETIME': 'PT5M'}\n"
    )
    project.makepyfile(
        test_shop="import os\n"
        "def test_it(backoffice_accounts):\n"
        "    found = backoffice_accounts.services.settings.access_lifetime\n"
        "    assert found.total_seconds() == 300\n"
        "    assert 'BACKOFFICE_REDIS_URL' not in os.environ\n"
        "def test_after_it_nothing_is_left(monkeypatch):\n"
        "    assert os.environ['BACKOFFICE_AUTH__ACCESS_LIFETIME'] == 'PT1S'\n"
        "    assert os.environ['BACKOFFICE_REDIS_URL'] == 'redis://127.0.0.1:1/0'\n"
    )
    passed(project, 2)


def test_the_app_runs_once_per_test_for_all_its_clients(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_shop="import shop\n"
        "def test_it(backoffice_client, backoffice_async_client, backoffice_signed_in):\n"
        "    for _ in range(3):\n"
        "        with backoffice_signed_in() as client:\n"
        "            assert client.get('/books').status_code == 403\n"
        "    assert backoffice_client.get('/books').status_code == 401\n"
        "    assert len(shop.starts) == 1\n"
    )
    passed(project, 1)


def test_a_test_without_the_clock_runs_in_real_time_and_cannot_ask_for_it_later(
    project: pytest.Pytester,
) -> None:
    project.makepyfile(
        test_shop="import pytest\n"
        "from backoffice.core import clock\n"
        "from backoffice.core.testing import ManualClock\n"
        "def test_real(backoffice_running, request):\n"
        "    assert not isinstance(backoffice_running.value(clock), ManualClock)\n"
        "    with pytest.raises(RuntimeError, match='among the test'):\n"
        "        request.getfixturevalue('backoffice_clock')\n"
        "def test_in_hand(backoffice_running, backoffice_clock):\n"
        "    assert backoffice_running.value(clock) is backoffice_clock\n"
        "@pytest.fixture\n"
        "def later(backoffice_clock):\n"
        "    return backoffice_clock.advance(60)\n"
        "def test_by_another_fixture(backoffice_running, later):\n"
        "    assert backoffice_running.value(clock).now() == later\n"
    )
    passed(project, 3)


ASYNC_TEST = """
import asyncio
import pytest
{imports}
{mark}
async def test_it(backoffice_async_client, backoffice_signed_in_async, backoffice_events):
    client = backoffice_signed_in_async(superuser=True)
    answers = await asyncio.gather(*(client.get("/books") for _ in range(20)))
    assert {{each.status_code for each in answers}} == {{200}}
    assert (await backoffice_async_client.get("/books")).status_code == 401
    assert [each.name for each in backoffice_events] == ["auth.user_created"]
"""

#: For who wants the app on the loop of the tests.
SERVED = """
@{fixture}
async def client(backoffice_environment, backoffice_app):
    async with (
        serve(backoffice_app) as asgi,
        AsyncClient(transport=ASGITransport(asgi), base_url="http://test") as client,
    ):
        yield client

{mark}
async def test_served(client):
    assert (await client.get("/books")).status_code == 401
"""
SERVING = "from backoffice.core import serve\nfrom httpx2 import ASGITransport, AsyncClient\n"


def test_async_tests_run_under_anyios_plugin(project: pytest.Pytester) -> None:
    text = (ASYNC_TEST + SERVED).format(
        imports=SERVING, mark="@pytest.mark.anyio", fixture="pytest.fixture"
    )
    project.makepyfile(
        test_shop=text + "\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
    )
    passed(project, 2)


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_async_tests_run_under_pytest_asyncio(project: pytest.Pytester, mode: str) -> None:
    """Its fixtures begin and end in tasks of their own, other than the test's."""
    project.makepyfile(
        test_shop=(ASYNC_TEST + SERVED).format(
            imports=SERVING + "import pytest_asyncio",
            mark="@pytest.mark.asyncio" if mode == "strict" else "",
            fixture="pytest_asyncio.fixture" if mode == "strict" else "pytest.fixture",
        )
    )
    options = [f"asyncio_mode={mode}", "asyncio_default_fixture_loop_scope=function"]
    chosen = [each for option in options for each in ("-o", option)]
    done = project.runpytest_subprocess("-W", "error", "-p", "no:anyio", *chosen)
    done.assert_outcomes(passed=2)


def test_the_plugin_costs_those_who_do_not_use_it_next_to_nothing(tmp_path: Path) -> None:
    """Each run of pytest imports it, so that it may import nothing itself."""
    program = """
import sys, pytest
before = set(sys.modules)
import backoffice.fixtures.core, backoffice.fixtures.auth
print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.split() == [
        "backoffice",
        "backoffice.fixtures",
        "backoffice.fixtures.auth",
        "backoffice.fixtures.core",
    ]
