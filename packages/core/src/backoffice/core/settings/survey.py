"""All settings of an app, or of what is installed where there is no app."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint

from backoffice.core.discovery import project_folder, project_table
from backoffice.core.errors import SetupError
from backoffice.core.settings.faults import Fault
from backoffice.core.settings.loading import ENTRY_POINTS, registered
from backoffice.core.settings.unknown import Unknown, unknown
from backoffice.core.settings.variables import Standing, Variable, used_settings
from backoffice.core.singletons import Run

APP = "app"


@dataclass(frozen=True)
class Survey:
    """Every setting, what is wrong with any, and the variables that nothing reads."""

    variables: Sequence[Variable]
    faults: Sequence[Fault]
    unknown: Sequence[Unknown]


async def survey(run: Run | None = None) -> Survey:
    """The settings of the installed packages, of the project, and those that the run's app uses."""
    kinds, broken = registered(*_of_the_project())
    used = {} if run is None else dict(await used_settings(run))
    standings = []
    for group, kind in kinds:
        # What an app has may be of a class of its own, made from the package's.
        own = next((each for each in used if issubclass(each, kind)), kind)
        standings.append(Standing.of(group, own, used.pop(own, None)))
    standings += [Standing.of(APP, kind, value) for kind, value in used.items()]
    return Survey(
        variables=[each for standing in standings for each in standing.variables()],
        faults=list(dict.fromkeys([*broken, *(f for each in standings for f in each.faults)])),
        unknown=unknown(each.kind for each in standings),
    )


def _of_the_project() -> list[EntryPoint]:
    """Classes named under [tool.backoffice]: an app that is not installed has no entry points."""
    named = project_table().get("settings", [])
    if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
        raise SetupError(
            'settings under [tool.backoffice] in pyproject.toml is a list: ["shop.settings:Shop"]'
        )
    folder = str(project_folder())
    if named and folder not in sys.path:
        sys.path.insert(0, folder)
    return [EntryPoint(APP, each, ENTRY_POINTS) for each in named]
