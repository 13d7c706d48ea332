"""The group `backoffice migrate`."""

import typer

from backoffice.migrations.commands.adopt import adopt
from backoffice.migrations.commands.check import check
from backoffice.migrations.commands.down import down
from backoffice.migrations.commands.history import history
from backoffice.migrations.commands.init import init
from backoffice.migrations.commands.lint import lint_revisions
from backoffice.migrations.commands.make import make
from backoffice.migrations.commands.plan import plan
from backoffice.migrations.commands.squash import squash
from backoffice.migrations.commands.standing import show_status
from backoffice.migrations.commands.sync import sync
from backoffice.migrations.commands.up import up

migrate = typer.Typer(help="Bring the database to the present.", no_args_is_help=True)
migrate.command("init")(init)
migrate.command("adopt")(adopt)
migrate.command("sync")(sync)
migrate.command("make")(make)
migrate.command("plan")(plan)
migrate.command("up")(up)
# `-1` is a revision, not an option.
migrate.command("down", context_settings={"ignore_unknown_options": True})(down)
migrate.command("status")(show_status)
migrate.command("history")(history)
migrate.command("squash")(squash)
migrate.command("check")(check)
migrate.command("lint")(lint_revisions)
