"""Plan and apply a file of roles where there are 100,000 users: `python -m benchmarks.role_files`.

Times are of the whole command, from the start of the process to its end, beside that of one that
does nothing but list the permissions of the same app.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine, insert

from backoffice.auth.models import Role, RolePermission, User, UserRole
from backoffice.core.database import SYNC_DRIVERS, parsed, with_driver
from backoffice.migrations import upgrade

USERS, ROLES, PERMISSIONS = 100_000, 200, 20
APP = """
from fastapi import FastAPI
from backoffice.auth import Auth
auth = Auth()
app = FastAPI()
app.include_router(auth.router, prefix="/auth")
for role in range({roles}):
    for number in range({permissions}):
        auth.permission(f"r{{role}}:p{{number}}")
auth.permission("new:permission")
"""


def fill(url: str) -> None:
    upgrade(url)
    moment = datetime.now(UTC)
    roles = [{"id": uuid.uuid4(), "name": f"role{n:04}", "description": ""} for n in range(ROLES)]
    users = [
        {
            "id": uuid.uuid4(),
            "email": f"user{n}@example.com",
            "hashed_password": "!",
            "is_active": True,
            "is_superuser": False,
            "is_verified": True,
            "is_service": False,
            "created_at": moment,
            "password_changed_at": moment,
        }
        for n in range(USERS)
    ]
    allowed = [
        {"role_id": role["id"], "permission": f"r{n}:p{number}"}
        for n, role in enumerate(roles)
        for number in range(PERMISSIONS)
    ]
    admin = {"role_id": roles[0]["id"], "permission": "roles:change"}
    held = [
        {"user_id": user["id"], "role_id": roles[each]["id"], "scope": ""}
        for n, user in enumerate(users)
        for each in {1, 2 + n % (ROLES - 2)}
    ]
    held.append({"user_id": users[0]["id"], "role_id": roles[0]["id"], "scope": ""})
    engine = create_engine(with_driver(parsed(url), SYNC_DRIVERS))
    with engine.begin() as connection:
        rows = ((Role, roles), (User, users), (RolePermission, [*allowed, admin]), (UserRole, held))
        for model, each in rows:
            connection.execute(insert(model), each)
    engine.dispose()


def timed(*arguments: str, ends: int = 0) -> tuple[float, float]:
    """Seconds until the command had ended, and those of CPU that it took."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = str(Path(sys.executable).with_name("backoffice"))
    done = subprocess.run([command, *arguments], capture_output=True, text=True, check=False)
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != ends:
        raise SystemExit(
            f"{arguments}: {done.returncode}\n{done.stdout[-500:]}{done.stderr[-500:]}"
        )
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return took, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="an empty database; a file of its own without it")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = chosen.url or f"sqlite:///{folder}/users.db"
        fill(url)
        os.chdir(folder)
        Path("main.py").write_text(APP.format(roles=ROLES, permissions=PERMISSIONS))
        os.environ |= {"BACKOFFICE_DATABASE_URL": url, "BACKOFFICE_SECRET_KEY": "k" * 32}
        measure()


def measure() -> None:
    report("the command itself", timed("permissions", "list"))
    report("export", timed("roles", "export", "-o", "roles.toml"))
    report("plan, no difference", timed("roles", "plan"))
    text = Path("roles.toml").read_text()
    Path("some.toml").write_text(text.replace(':p1"', ':p1", "new:permission"'))
    report("plan, 200 roles changed", timed("roles", "plan", "some.toml", ends=3))
    report("apply, 200 roles changed", timed("roles", "apply", "some.toml"))
    report("apply, nothing to do", timed("roles", "apply", "some.toml"))
    one = text.partition("[roles.role0001]")
    rest = one[2].partition("[roles.role0002]")
    Path("less.toml").write_text(one[0] + rest[1] + rest[2])
    report(
        "apply, a role gone that all hold", timed("roles", "apply", "less.toml", "--prune", "-y")
    )
    holders = ", ".join(f'"user{n}@example.com"' for n in range(1000))
    role = "[roles.role0005]\n"
    Path("held.toml").write_text(rest[1] + rest[2].replace(role, f"{role}holders = [{holders}]\n"))
    report("apply, 1,500 holders changed", timed("roles", "apply", "held.toml"))
    report("export --holders", timed("roles", "export", "--holders", "-o", "all.toml"))
    report(f"plan, {USERS:,} holders named", timed("roles", "plan", "all.toml"))


def report(what: str, seconds: tuple[float, float]) -> None:
    print(f"{what:36} {seconds[0]:6.2f} s, {seconds[1]:6.2f} s of CPU", flush=True)


if __name__ == "__main__":
    main()
