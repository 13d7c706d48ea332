"""The first page: charts of what happened, and what there is to do at the beginning."""

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import event, text
from sqlmodel import select

from backoffice.admin import Admin, Chart, Days, PageContext, Series
from backoffice.admin.dashboard.drawing import BOTTOM, HEIGHT, TOP, columns
from backoffice.admin.dashboard.kept import kept_figures
from backoffice.admin.dashboard.models import LIMIT, PAGE, DailyFigure
from backoffice.auth import AuditEntry, Auth
from backoffice.core import SetupError, clock
from backoffice.core.testing import ManualClock
from backoffice.ratelimit import RateLimit
from tests.admin.conftest import House
from tests.auth.conftest import AppWithAccounts

ALL = ("audit:view", "rate-limits:view", "health:read")


class Charting(House):
    """With charts of its own, one of which fails, and a limit."""

    def __init__(self) -> None:
        AppWithAccounts.__init__(self, Auth(), FastAPI(), follow_redirects=False)
        self.admin = Admin(self.auth, models=[])

        @self.admin.chart("Orders <all>", permission="orders:chart")
        async def orders(_: PageContext, days: Days) -> Chart:
            found = [(days.last, 41), ((days.last - timedelta(days=1)).isoformat(), 1)]
            return Chart(days.all, [Series("Orders", days.filled(found))], note="Of this shop.")

        @self.admin.card("Entries", permission="orders:chart")
        async def entries(context: PageContext) -> int:
            return len((await context.session.exec(select(AuditEntry.id))).all())

        @self.admin.chart("Broken", permission="orders:chart")
        async def broken(context: PageContext, _: Days) -> Chart:
            await (await context.session.connection()).execute(text("SELECT s3cret"))
            raise AssertionError

        @self.admin.chart("After it", permission="orders:chart")
        async def after(context: PageContext, _: Days) -> Chart:
            found = (await context.session.exec(select(AuditEntry.event))).all()
            return Chart(["Entries"], [Series("Entries", [len(found)])], "bars")

        @self.admin.page("plan", permission="plan:view")
        async def plan(_: PageContext) -> str:
            return "Secret."

        self.app.include_router(self.auth.router, prefix="/auth")
        self.app.include_router(self.admin.router, prefix="/admin")

        @self.app.get("/quote", dependencies=[RateLimit("1/day")])
        async def quote() -> None: ...


@pytest.fixture(scope="module")
def made() -> Charting:
    return Charting()


@pytest.fixture
def charting(settings: None, made: Charting) -> Iterator[Charting]:
    with made:
        yield made


def entry(event: str, days_ago: int) -> AuditEntry:
    at = datetime.now(UTC) - timedelta(days=days_ago)
    return AuditEntry(
        id=uuid4(), at=at, event=event, outcome="success", data={}, number=None, digest=""
    )


def statement(house: House, written: str) -> None:
    async def executed() -> None:
        async with house.services.database.session() as session:
            await (await session.connection()).execute(text(written))
            await session.commit()

    house.call(executed())


def rows(page: str) -> dict[str, str]:
    """What the tables of ranked names say."""
    return dict(re.findall(r'<th scope="row">([^<]+)</th><td class="number">([^<]+)</td>', page))


def totals(page: str) -> dict[str, str]:
    """What the legends say."""
    return dict(re.findall(r'<li class="(?:one|two|three|four)">([^:]+): ([\d,]+)</li>', page))


def test_charts_show_what_happened_in_the_days_that_are_asked_for(charting: Charting) -> None:
    charting.signed_in(*ALL)
    for days_ago in (0, 3, 20, 80):
        charting.add(entry("auth.sign_in_failed", days_ago))
    charting.add(entry("auth.registered", 5), entry("auth.throttled", 40))
    # Those of the days that are over are remembered, and are the same the second time.
    for days, failed, throttled in ((7, "2", "0"), (90, "4", "1"), (30, "3", "0"), (90, "4", "1")):
        found = totals(charting.open(f"/?days={days}").text)
        assert (found["Wrong password"], found["Too many tries"]) == (failed, throttled)
        assert found["Registered"] == "1"
    charting.add(entry("auth.sign_in_failed", 0))
    assert totals(charting.open("/").text)["Wrong password"] == "4"
    assert charting.open("/?days=many").status_code == 422


def test_limits_that_were_hit_and_slow_pages_are_those_of_all_processes(
    charting: Charting,
) -> None:
    """What others have written, and what this one has counted since it wrote last."""
    charting.signed_in(*ALL)
    today = datetime.now(UTC).date()
    past = today - timedelta(days=20)
    charting.add(
        DailyFigure(day=today, kind=LIMIT, name="GET /quote", count=5, amount=0),
        DailyFigure(day=past, kind=LIMIT, name="POST /ask", count=9, amount=0),
        DailyFigure(day=today, kind=PAGE, name="/users", count=2, amount=9e9),
        DailyFigure(day=today, kind=PAGE, name="/audit", count=2, amount=9e8),
    )
    assert [charting.client.get("/quote").status_code for _ in range(3)] == [200, 429, 429]
    kept = charting.call(charting.running.run.open(kept_figures))
    for _ in range(2):
        page = charting.open("/").text
        assert rows(page)["GET /quote"] == "7"
        assert rows(page)["POST /ask"] == "9"
        assert rows(page)["/audit"] == "450,000,000.0 ms"
        assert "/users" not in rows(page)
        charting.call(kept.write())
    assert "POST /ask" not in rows(charting.open("/?days=7").text)
    assert "/" in rows(charting.open("/").text)


def test_pages_that_one_may_not_see_are_not_among_the_slowest(charting: Charting) -> None:
    """Nor those of another Admin of the same app, which counts in the same place."""
    today = datetime.now(UTC).date()
    names = ["/pages/plan", "POST /pages/plan", "/system/outbox", "/roles/matrix", "/secrets/edit"]
    charting.add(
        *(DailyFigure(day=today, kind=PAGE, name=each, count=1, amount=9e9) for each in names)
    )
    charting.signed_in("health:read")
    assert rows(charting.open("/").text).keys().isdisjoint(names)
    charting.signed_in(
        *("health:read", "plan:view", "outbox:view", "roles:view"), email="bob@example.com"
    )
    assert rows(charting.open("/").text).keys() >= {*names[:4]}


def test_what_a_process_refuses_is_counted_though_nobody_opens_its_admin(
    charting: Charting,
) -> None:
    assert [charting.client.get("/quote").status_code for _ in range(2)] == [200, 429]
    kept = charting.running.run.values[kept_figures]
    charting.call(kept.write())
    assert [(each.name, each.count) for each in charting.all(DailyFigure)] == [("GET /quote", 1)]


def test_figures_that_cannot_be_written_are_written_later(settings: None, made: Charting) -> None:
    """As those of their day. The first page is shown without them."""
    time = ManualClock()
    with clock.override(time), made as charting:
        charting.signed_in("health:read")
        day = time.now().date()
        kept = charting.call(charting.running.run.open(kept_figures))
        statement(charting, "ALTER TABLE backoffice_daily_figures RENAME TO elsewhere")
        charting.call(kept.write())
        page = charting.open("/")
        assert (page.status_code, "Not available just now." in page.text) == (200, True)
        statement(charting, "ALTER TABLE elsewhere RENAME TO backoffice_daily_figures")
        time.advance(24 * 3600)
        charting.call(kept.write())
        found = {each.name: each.day for each in charting.all(DailyFigure)}
        assert found["POST /login"] == day


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_the_first_page_waits_for_nobody_who_writes(charting: Charting) -> None:
    """It only reads, which SQLite lets it do meanwhile."""
    charting.signed_in(*ALL, "orders:chart")
    file = charting.services.database.url.database
    assert file is not None
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        page = charting.open("/").text
    assert page.lower().count("not available just now") == 1  # of the one that is broken


def test_the_first_page_holds_one_connection_at_a_time(charting: Charting) -> None:
    """Requests that hold one and wait for a second may all wait for each other."""
    charting.signed_in(*ALL, "orders:chart", superuser=True)
    held: dict[object, asyncio.Task[Any] | None] = {}
    most: list[int] = []

    def taken(_: object, record: object, __: object) -> None:
        held[record] = asyncio.current_task()
        most.append(sum(each is held[record] for each in held.values()))

    pool: Any = charting.services.database.engine.sync_engine.pool
    event.listen(pool, "checkout", taken)
    event.listen(pool, "checkin", lambda _, record: held.pop(record, None))
    assert charting.open("/").status_code == 200
    assert max(most) == 1


def test_charts_of_the_app_are_drawn_for_who_may_see_them(charting: Charting) -> None:
    """One that fails says so, and keeps nobody from the page."""
    charting.signed_in("orders:chart")
    page = charting.open("/").text
    assert "Orders &lt;all&gt;" in page
    assert totals(page) == {"Orders": "42"}
    assert rows(page)["Entries"] != "0"
    assert "Of this shop." in page
    assert "Not available just now." in page
    assert "s3cret" not in page
    assert page.count("Not available just now.") == 1
    assert "Sign-ins" not in page
    drawn = re.findall(r'<rect class="bar one"[^>]*height="([\d.]+)"', page[: page.index("Broken")])
    assert len(drawn) == 2
    assert float(drawn[1]) == pytest.approx(41 * float(drawn[0]), rel=0.05)
    charting.signed_in(email="bob@example.com")
    assert "Orders" not in charting.open("/").text


@pytest.mark.parametrize("figure", [Decimal("2.25"), 2.2, 0.5, 7, 10**15 + 1])
def test_figures_of_every_size_and_kind_are_drawn_within_their_chart(figure: Any) -> None:
    drawn = columns("Sales", ["Jan", "Feb"], ["Sold"], [[figure, 0]], str)
    heights = [float(each) for each in re.findall(r'<rect [^>]*height="([\d.]+)"', drawn)]
    assert len(heights) == 1
    assert 0 < heights[0] <= HEIGHT - TOP - BOTTOM


def test_a_chart_whose_figures_do_not_fit_is_refused() -> None:
    with pytest.raises(SetupError, match="one figure for each label"):
        Chart(["a", "b"], [Series("x", [1])])
    with pytest.raises(SetupError, match="1 to 4 series"):
        Chart(["a"], [])


def test_what_there_is_to_do_is_told_by_how_it_is(charting: Charting) -> None:
    """To who can do it, until it is done, or is put aside."""
    charting.signed_in(superuser=True)
    page = charting.open("/").text
    assert "What there is to do" in page
    done = page.count('<li class="done">')
    assert "Make a second superuser" in page
    assert "Whoever loses the only password" in page
    charting.user("second@example.com", superuser=True)
    page = charting.open("/").text
    assert "Whoever loses the only password" not in page
    assert page.count('<li class="done">') == done + 1
    assert charting.send("/system/first-steps", {}).status_code == 303
    assert "What there is to do" not in charting.open("/").text
    charting.client.cookies.clear()
    charting.signed_in("audit:view", email="bob@example.com")
    assert "What there is to do" not in charting.open("/").text
