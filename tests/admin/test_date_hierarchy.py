"""`date_hierarchy`: years, months and days above a list, from the ends of an index."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import pytest
from fastapi import FastAPI
from sqlalchemy import create_engine
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from backoffice.admin import Admin, ModelAdmin
from backoffice.admin.stretches import days_of, is_stretch
from backoffice.auth import Auth
from tests.admin.conftest import House, create_tables
from tests.auth.conftest import AppWithAccounts


class Diary(SQLModel, registry=registry()):
    """Tables of their own."""


class Visit(Diary, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str
    day: date | None = Field(default=None, index=True)
    at: datetime = Field(index=True)


class VisitAdmin(ModelAdmin):
    model = Visit
    list_display = ("name",)
    date_hierarchy = "at"


class Planner(House):
    """An app with a diary."""

    def __init__(self) -> None:
        AppWithAccounts.__init__(self, Auth(), FastAPI(), follow_redirects=False)
        self.admin = Admin(self.auth, models=[VisitAdmin])
        self.app.include_router(self.auth.router, prefix="/auth")
        self.app.include_router(self.admin.router, prefix="/admin")


def create_diary(url: str) -> None:
    create_tables(url)
    engine = create_engine(url.replace("+aiosqlite", ""))
    Diary.metadata.create_all(engine)
    engine.dispose()


@pytest.fixture
def planner(
    database_from_template: Callable[[str, Callable[[str], None]], str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Planner]:
    url = database_from_template("diary", create_diary)
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    with Planner() as found:
        yield found


def moments(*days: str) -> list[Visit]:
    found = [datetime.fromisoformat(each).replace(tzinfo=UTC) for each in days]
    return [Visit(name=f"Visit {each:%Y-%m-%d}", at=each) for each in found]


def dates(page: str) -> list[str]:
    """The words of the calendar."""
    nav = page.partition('<nav class="dates"')[2].partition("</nav>")[0]
    return re.findall(r'">(\w+)<', nav)


def test_a_calendar_leads_from_years_to_days(planner: Planner) -> None:
    planner.add(*moments("2024-12-31T23:59:59.9", "2025-01-01", "2026-02-10", "2026-02-12"))
    planner.signed_in("visits:view")
    assert dates(planner.open("/visits").text) == ["2024", "2025", "2026"]
    year = planner.open("/visits?within=2026").text
    assert "Visit 2026-02-10" in year
    assert "Visit 2025-01-01" not in year
    assert dates(year)[-2:] == ["January", "February"]
    month = planner.open("/visits?within=2026-02").text
    assert dates(month)[-1] == "12"
    day = planner.open("/visits?within=2026-02-12").text
    assert "Visit 2026-02-12" in day
    assert "Visit 2026-02-10" not in day
    assert "Visit 2024-12-31" in planner.open("/visits?within=2024").text
    assert "Visit 2025-01-01" not in planner.open("/visits?within=2024").text


def test_an_empty_list_has_no_calendar(planner: Planner) -> None:
    planner.signed_in("visits:view")
    page = planner.open("/visits")
    assert page.status_code == 200
    assert "dates" not in page.text.partition("<main")[2]


@pytest.mark.parametrize("text", ["x", "2026-13", "2026-02-30", "0000", "20261", "2026-1", "-1"])
def test_what_is_no_stretch_is_refused(planner: Planner, text: str) -> None:
    planner.signed_in("visits:view")
    assert not is_stretch(text)
    assert planner.open(f"/visits?within={text}").status_code == 400


def test_a_stretch_ends_with_its_last_day() -> None:
    assert days_of("2024-02") == (date(2024, 2, 1), date(2024, 2, 29))
    assert days_of("2023") == (date(2023, 1, 1), date(2023, 12, 31))
    assert days_of("2023-05-06") == (date(2023, 5, 6), date(2023, 5, 6))


def test_an_action_and_a_file_are_of_the_stretch_that_is_shown(planner: Planner) -> None:
    planner.add(*moments("2025-01-01", "2026-02-10", "2026-02-12"))
    planner.signed_in("visits:*")
    asked = planner.open("/visits/action?name=delete&all=1&query=within%3D2026").text
    assert "Delete 2 visits?" in asked
    assert len(planner.open("/visits/export?format=json&within=2026").json()) == 2
