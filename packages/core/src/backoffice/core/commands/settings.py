"""The group `backoffice settings`."""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import Annotated

import anyio
import typer

from backoffice.core.command import Command
from backoffice.core.discovery import NoApp
from backoffice.core.errors import NotFound, SetupError
from backoffice.core.settings.faults import Fault
from backoffice.core.settings.loading import refusal
from backoffice.core.settings.survey import Survey, survey
from backoffice.core.settings.variables import Variable, text

COLUMNS = ("name", "value", "unit", "default", "source", "description")
WRONG = "(wrong)"

settings: typer.Typer = typer.Typer(help="Show what the app is set to.", no_args_is_help=True)


@settings.command()
def show(
    context: typer.Context,
    only: Annotated[
        str | None, typer.Argument(metavar="[GROUP|NAME]", help="Only these, such as auth.")
    ] = None,
) -> None:
    """Print every setting: value, unit, default, source, what it is. Secrets are not shown."""
    command = Command.of(context)
    found, hindrances = _survey(command)
    chosen = _chosen(found.variables, only)
    names = {each.name for each in found.variables} - {each.name for each in chosen}
    wrong = [*hindrances, *(each for each in found.faults if each.name not in names)]
    _give(command, chosen, found, wrong)
    if wrong:
        raise refusal(wrong)


def _survey(command: Command) -> tuple[Survey, list[Fault]]:
    """The settings, of the app where it can be had; and what hinders that."""
    hindrances: list[Fault] = []
    try:
        with redirect_stdout(sys.stderr):  # the app's modules may print
            return command.run(survey), hindrances
    except NoApp:
        command.say("no app was found: settings that are given in code are not shown")
    except SetupError as error:
        command.say("the app cannot be had: settings that are given in code are not shown")
        hindrances.append(Fault("app", error.message))
    return anyio.run(survey), hindrances


def _chosen(variables: Sequence[Variable], only: str | None) -> list[Variable]:
    if only is None:
        return list(variables)
    of_group = [each for each in variables if each.group == only.lower()]
    found = of_group or [each for each in variables if only.upper() in each.name.upper()]
    if not found:
        groups = ", ".join(dict.fromkeys(each.group for each in variables))
        raise NotFound(f"there is no setting {only!r}; the groups are {groups}")
    return found


def _give(
    command: Command, chosen: Sequence[Variable], found: Survey, wrong: Sequence[Fault]
) -> None:
    if command.as_json:
        command.give(
            {
                "settings": [asdict(each) for each in chosen],
                "unknown": [asdict(each) for each in found.unknown],
                "faults": [asdict(each) for each in wrong],
            }
        )
        return
    command.give_rows([_row(each) for each in chosen], COLUMNS)
    for each in found.unknown:
        command.say(f"warning: {each}")


def _row(variable: Variable) -> dict[str, str | None]:
    value = WRONG if variable.fault else text(variable.value)
    return {**asdict(variable), "value": value, "default": text(variable.default)}
