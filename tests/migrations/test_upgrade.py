"""The packages' tables are brought to the present: in order, whole, and without a loss."""

from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from backoffice.core import Conflict, SetupError, Unavailable
from backoffice.core.database import parsed
from backoffice.migrations import MigrationSettings, RevisionFailed, status, upgrade
from tests.migrations.conftest import MakeHistory
from tests.migrations.projects import LENDING, LIBRARY, Look, create_table
from tests.services.postgres import PostgresServer

SHELVES = "SELECT name FROM backoffice_shelf ORDER BY id"


def test_an_empty_database_gets_every_table_with_required_packages_first(
    database_url: str, look: Look
) -> None:
    applied = upgrade(database_url, histories=[LENDING, LIBRARY])
    assert [each.revision for each in applied] == [
        *("library_0001", "library_0002", "library_0003"),
        "lending_0001",
    ]
    assert {"backoffice_shelf", "backoffice_volume", "backoffice_loan"} <= look.tables()
    assert look.rows("SELECT version_num FROM alembic_version_backoffice_library") == [
        ("library_0003",)
    ]


def test_a_second_time_does_nothing(database_url: str, look: Look) -> None:
    upgrade(database_url, histories=[LIBRARY])
    assert upgrade(database_url, histories=[LIBRARY]) == []
    assert look.rows(SHELVES) == [("lost",)]


def test_each_revision_is_told_when_it_begins_and_when_it_is_done(database_url: str) -> None:
    told: list[str] = []
    upgrade(database_url, histories=[LIBRARY], tell=told.append)
    assert "".join(told).splitlines() == [
        "library: library_0001 Shelves and the volumes on them ... done",
        "library: library_0002 The shelf of lost volumes ... done",
        "library: library_0003 A shelf must have a name ... done",
    ]


def test_only_what_is_missing_is_applied(
    database_url: str, look: Look, make_history: MakeHistory
) -> None:
    first = make_history("stock", {"stock_0001": create_table("one")})
    upgrade(database_url, histories=[first])
    second = make_history(
        "stock", {"stock_0001": create_table("one"), "stock_0002": create_table("two")}
    )
    assert [each.revision for each in upgrade(database_url, histories=[second])] == ["stock_0002"]
    assert {"one", "two"} <= look.tables()


@pytest.mark.parametrize(
    "fault", ['op.execute("SELECT nothing FROM nowhere")', 'raise ValueError("not today")']
)
def test_a_revision_that_fails_half_way_leaves_nothing_behind(
    database_url: str, look: Look, make_history: MakeHistory, fault: str
) -> None:
    history = make_history(
        "stock",
        {
            "stock_0001": create_table("one"),
            "stock_0002": "\n".join(
                [create_table("two"), 'op.execute("INSERT INTO two VALUES (1)")', fault]
            ),
        },
    )
    told: list[str] = []
    with pytest.raises(RevisionFailed, match="stock: stock_0002 failed") as failure:
        upgrade(database_url, histories=[history], tell=told.append)
    assert look.tables() == set()
    assert failure.value.exit_code == 6
    assert "\n" not in failure.value.message
    assert told[-1] == "failed\n"


def test_packages_that_were_done_before_a_failure_stay_done(
    database_url: str, look: Look, make_history: MakeHistory
) -> None:
    broken = make_history("stock", {"stock_0001": 'raise ValueError("no")'}, "library")
    with pytest.raises(RevisionFailed):
        upgrade(database_url, histories=[LIBRARY, broken])
    assert look.rows(SHELVES) == [("lost",)]
    assert "alembic_version_backoffice_stock" not in look.tables()


def test_rows_and_tables_of_others_are_left_alone(database_url: str, look: Look) -> None:
    look.execute(
        "CREATE TABLE book (id INTEGER PRIMARY KEY, title VARCHAR(20))",
        "INSERT INTO book VALUES (1, 'Dune')",
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('theirs')",
    )
    upgrade(database_url, histories=[LIBRARY])
    assert look.rows("SELECT * FROM book") == [(1, "Dune")]
    assert look.rows("SELECT * FROM alembic_version") == [("theirs",)]


def test_copying_a_table_keeps_the_rows_that_refer_to_it(
    database_url: str, look: Look, make_history: MakeHistory
) -> None:
    body = LIBRARY.folder / "versions" / "library_0001_shelves.py"
    assert "CASCADE" in body.read_text()
    begun = make_history("library", {})
    versions = begun.folder / "versions"
    versions.mkdir(parents=True)
    for file in sorted((LIBRARY.folder / "versions").glob("*.py"))[:2]:
        (versions / file.name).write_text(file.read_text())
    upgrade(database_url, histories=[begun])
    look.execute(
        "INSERT INTO backoffice_volume (id, shelf_id) SELECT 1, id FROM backoffice_shelf",
        "INSERT INTO backoffice_volume (id, shelf_id) SELECT 2, id FROM backoffice_shelf",
    )
    upgrade(database_url, histories=[LIBRARY])
    assert look.rows("SELECT id FROM backoffice_volume ORDER BY id") == [(1,), (2,)]
    with pytest.raises(DBAPIError):  # the copy was made: the name is required now
        look.execute("INSERT INTO backoffice_shelf (id, name) VALUES (9, NULL)")


def test_a_revision_that_leaves_rows_pointing_at_nothing_is_undone(
    database_url: str, look: Look, make_history: MakeHistory
) -> None:
    upgrade(database_url, histories=[LIBRARY])
    look.execute("INSERT INTO backoffice_volume (id, shelf_id) SELECT 1, id FROM backoffice_shelf")
    restrict = make_history(
        "stock",
        {
            "stock_0001": """
                op.execute("CREATE TABLE one (id INTEGER REFERENCES backoffice_volume (id))")
                op.execute("INSERT INTO one VALUES (1)")
                op.execute("DELETE FROM backoffice_volume")
            """
        },
        "library",
    )
    with pytest.raises(RevisionFailed, match="stock_0001"):
        upgrade(database_url, histories=[LIBRARY, restrict])
    assert look.rows("SELECT count(*) FROM backoffice_volume") == [(1,)]


def test_a_database_ahead_of_a_package_stops_that_package_only(
    database_url: str, look: Look, make_history: MakeHistory
) -> None:
    newer = make_history("stock", {"stock_0001": create_table("one"), "stock_0002": "pass"})
    upgrade(database_url, histories=[newer])
    older = make_history("older", {"stock_0001": create_table("one")})
    older = type(older)("stock", older.folder)
    with pytest.raises(Conflict, match="stock: the database is at revision stock_0002") as refusal:
        upgrade(database_url, histories=[older, LIBRARY])
    assert (refusal.value.exit_code, refusal.value.code) == (5, "database_ahead")
    assert look.rows(SHELVES) == [("lost",)]
    states = {each.history: each.state for each in status(database_url, histories=[older, LIBRARY])}
    assert states == {"stock": "ahead", "library": "present"}


def test_a_lock_that_another_connection_holds_is_waited_for_a_bounded_time(
    database_url: str, look: Look, make_history: MakeHistory
) -> None:
    upgrade(database_url, histories=[LIBRARY])
    history = make_history(
        "stock",
        {"stock_0001": 'op.add_column("backoffice_shelf", sa.Column("depth", sa.Integer()))'},
        "library",
    )
    with look.engine.connect() as other:
        other.exec_driver_sql("UPDATE backoffice_shelf SET name = 'found'")
        with pytest.raises(Unavailable) as refusal:
            upgrade(
                database_url,
                histories=[LIBRARY, history],
                settings=MigrationSettings(lock_timeout=0.2, lock_patience=0.3),
            )
    assert refusal.value.exit_code == 6
    assert [each.revision for each in upgrade(database_url, histories=[LIBRARY, history])] == [
        "stock_0001"
    ]


def test_a_revision_may_leave_its_transaction(
    database_url: str, look: Look, make_history: MakeHistory
) -> None:
    history = make_history(
        "stock",
        {
            "stock_0001": create_table("one"),
            "stock_0002": """
                with op.get_context().autocommit_block():
                    op.create_index("ix_one", "one", ["id"], postgresql_concurrently=True)
                    op.execute("VACUUM")
            """,
            "stock_0003": create_table("three"),
        },
    )
    upgrade(database_url, histories=[history])
    assert look.tables() == {"one", "three", "alembic_version_backoffice_stock"}


def test_a_server_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="does not answer") as refusal:
        upgrade("postgresql://someone:secret@127.0.0.1:1/nowhere", histories=[LIBRARY])
    assert "secret" not in refusal.value.message


def test_a_role_without_rights_is_told_what_it_may_not(postgres_server: PostgresServer) -> None:
    with postgres_server.database() as url:
        Look(url).execute(
            "DROP ROLE IF EXISTS clerk",
            "CREATE ROLE clerk LOGIN PASSWORD 'clerk'",
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        )
        clerk = parsed(url).set(username="clerk", password="clerk")
        with pytest.raises(Unavailable, match="refused: permission denied") as refusal:
            upgrade(clerk.render_as_string(hide_password=False), histories=[LIBRARY])
    assert refusal.value.exit_code == 6


def test_a_file_that_is_no_database_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("no database, but a text that is long enough for one " * 20)
    with pytest.raises(Unavailable, match="refused: file is not a database"):
        upgrade(f"sqlite:///{tmp_path}/notes.db", histories=[LIBRARY])


def test_a_folder_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="cannot be written"):
        upgrade("sqlite:///nowhere/at/all.db", histories=[LIBRARY])


def test_a_database_in_memory_is_refused() -> None:
    with pytest.raises(SetupError, match="in memory"):
        upgrade("sqlite:///:memory:", histories=[LIBRARY])
