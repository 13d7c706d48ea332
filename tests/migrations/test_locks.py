"""However many processes migrate at once, one works and the others find it done."""

import subprocess
import sys
from pathlib import Path

import pytest

from backoffice.core import Unavailable
from backoffice.migrations import MigrationSettings, upgrade
from tests.migrations.projects import LIBRARY, SAMPLE, Look, Shop, install, run

# All wait for the pipe to be closed, which wakes them at the same moment.
EIGHT = """
import os, sys
from backoffice.core import command
from backoffice.migrations import commands, environment, packages

waiting, begin = os.pipe()
children = []
for _ in range(8):
    if not (child := os.fork()):
        os.close(begin)
        os.read(waiting, 1)
        sys.argv = ["backoffice", "migrate", "up", "--json"]
        command.main()
    children.append(child)
os.close(begin)
print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""
# Waits for every transaction that is open: those of processes that wait for the lock, too.
CONCURRENTLY = """
with op.get_context().autocommit_block():
    op.create_index("ix_book_id", "book", ["id"], postgresql_concurrently=True)
"""
HOLDER = """
import sys
from backoffice.migrations.connections import migrating
from backoffice.migrations.locks import migration_lock
with migrating(sys.argv[1], 3) as engine, migration_lock(engine, 5, print):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_eight_processes_at_once_all_succeed_and_do_the_work_once(
    shop: Shop, tmp_path: Path, database_url: str, look: Look
) -> None:
    shop.revision(
        "shop_2", "shop_1", "op.execute('INSERT INTO book SELECT id FROM backoffice_shelf')"
    )
    shop.revision("shop_3", "shop_2", CONCURRENTLY)
    site = install(tmp_path / "site", library="library", lending="lending")
    said = run([sys.executable, "-c", EIGHT], shop.folder, database_url, site, SAMPLE)
    assert said.splitlines()[-1] == str([0] * 8), said
    assert look.rows("SELECT count(*) FROM backoffice_shelf") == [(1,)]
    assert look.rows("SELECT count(*) FROM book") == [(1,)]
    answers = [said.count(f'"revision": "shop_{number}"') for number in (1, 2, 3)]
    assert answers == [1, 1, 1]
    assert said.count('{"applied": []}') == 7


def test_who_waits_too_long_is_told_so(database_url: str, look: Look) -> None:
    with held(database_url) as holder:
        told: list[str] = []
        with pytest.raises(Unavailable, match="BACKOFFICE_MIGRATIONS__WAIT") as refusal:
            upgrade(
                database_url,
                histories=[LIBRARY],
                settings=MigrationSettings(wait=0.2),
                tell=told.append,
            )
        holder.kill()
    assert refusal.value.code == "migrations_locked"
    assert "waiting for it" in "".join(told)
    assert look.tables() == set()


def test_the_lock_of_a_killed_process_is_free(database_url: str, look: Look) -> None:
    with held(database_url) as holder:
        holder.kill()
    upgrade(database_url, histories=[LIBRARY])
    assert "backoffice_shelf" in look.tables()


def held(url: str) -> "subprocess.Popen[str]":
    """A process that holds the lock until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process
