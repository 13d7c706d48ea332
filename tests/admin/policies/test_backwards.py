"""A relationship that may not be read is not told by its other end."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from sqlalchemy import create_engine
from sqlalchemy.orm import registry
from sqlmodel import Field, Relationship, SQLModel

from backoffice.admin import Admin
from backoffice.auth import Auth
from tests.admin.conftest import House, create_tables
from tests.auth.conftest import AppWithAccounts
from tests.services.databases import Databases


class Clinic(SQLModel, registry=registry()):
    """A metadata of its own."""


class Patient(Clinic, table=True):
    __tablename__ = "clinic_patient"

    id: int | None = Field(default=None, primary_key=True)
    name: str
    visits: list["Visit"] = Relationship(back_populates="patient")


class Visit(Clinic, table=True):
    __tablename__ = "clinic_visit"

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="clinic_patient.id")
    patient: Patient = Relationship(back_populates="visits")


class Reception(House):
    def __init__(self) -> None:
        auth, app = Auth(), FastAPI()
        AppWithAccounts.__init__(self, auth, app, follow_redirects=False)
        auth.fields(Patient, read={"visits": "patients:see-visits"})
        self.admin = Admin(auth, models=[Patient, Visit])
        app.include_router(auth.router, prefix="/auth")
        app.include_router(self.admin.router, prefix="/admin")


def tables(url: str) -> None:
    create_tables(url)
    engine = create_engine(url.replace("+aiosqlite", ""))
    Clinic.metadata.create_all(engine)
    engine.dispose()


@pytest.fixture
def reception(sqlite_databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reception]:
    with sqlite_databases.copy("clinic", tables) as url:
        monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
        monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
        with Reception() as found:
            found.add(Patient(id=1, name="Ann"))
            found.add(Visit(patient_id=1))
            yield found


@pytest.mark.parametrize("more", [(), ("patients:see-visits",)])
def test_what_refers_to_a_record_is_counted_for_those_who_may_read_the_relationship(
    reception: Reception, more: tuple[str, ...]
) -> None:
    reception.signed_in("patients:view", "patients:delete", "visits:view", *more)
    for path in ("/patients/detail?pk=1", "/patients/action?name=delete&pks=1"):
        assert ("Visits by Patient" in reception.open(path).text) == bool(more)
