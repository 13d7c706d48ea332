"""Finding the app that the `backoffice` command is about."""

import importlib
import inspect
import os
import sys
import tomllib
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import ValidationError

from backoffice.core.errors import SetupError
from backoffice.core.settings.faults import told

#: Where the `fastapi` command looks, in its order.
CONVENTIONAL = ("main.py", "app.py", "api.py", "app/main.py", "app/app.py", "app/api.py")


class NoApp(SetupError):
    """There is no app to be found, and none is named."""


def find_app(option: str | None = None) -> FastAPI:
    """The app named by the option, by BACKOFFICE_APP, by pyproject.toml, or by convention."""
    with redirect_stdout(sys.stderr):  # the app's modules may print; stdout holds the answer only
        return _app(option)


def _app(option: str | None) -> FastAPI:
    spec = option or os.environ.get("BACKOFFICE_APP") or _from_pyproject()
    if spec is None:
        return _conventional()
    module_name, _, attribute = spec.partition(":")
    if not module_name or not attribute:
        raise SetupError(f"{spec!r} does not name an app; write it as module:attribute")
    return _app_in(_module(module_name), attribute, spec)


def project_folder() -> Path:
    """The folder of the nearest pyproject.toml, here or above; else the present folder."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "pyproject.toml").is_file():
            return folder
    return here


def project_table() -> dict[str, Any]:
    """`[tool.backoffice]` of the nearest pyproject.toml; empty where there is none."""
    table: dict[str, Any] = _tool_tables().get("backoffice", {})
    return table


def _tool_tables() -> dict[str, Any]:
    path = project_folder() / "pyproject.toml"
    if not path.is_file():
        return {}
    try:
        tables: dict[str, Any] = tomllib.loads(path.read_text("utf-8")).get("tool", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} cannot be read: {error}") from None
    return tables


def _from_pyproject() -> str | None:
    tables = _tool_tables()
    found = tables.get("backoffice", {}).get("app") or tables.get("fastapi", {}).get("entrypoint")
    if found is not None and not isinstance(found, str):
        raise SetupError("the app named in pyproject.toml is not a string of the form module:app")
    return found


def _conventional() -> FastAPI:
    for candidate in CONVENTIONAL:
        if Path(candidate).is_file():
            module = _module(candidate.removesuffix(".py").replace("/", "."))
            names = ["app", "api", *sorted(vars(module))]
            for name in names:
                if isinstance(getattr(module, name, None), FastAPI):
                    return _app_in(module, name, f"{module.__name__}:{name}")
    raise NoApp(
        "no FastAPI app found here. Name it: --app module:app, or BACKOFFICE_APP, or "
        '`app = "module:app"` under [tool.backoffice] in pyproject.toml'
    )


def _module(name: str) -> Any:
    for folder in (str(project_folder()), str(Path.cwd())):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if name == missing or name.startswith(f"{missing}."):
            raise SetupError(f"there is no module {name!r} from {Path.cwd()}") from None
        raise SetupError(f"importing {name!r} failed: {error}; install what it needs") from error
    except SetupError:
        raise
    except ValidationError as error:
        # Its text repeats what was rejected, and an app's settings may be wrong about a secret.
        raise SetupError(f"importing {name!r} failed: {told(error)}") from None
    except Exception as error:
        raise SetupError(f"importing {name!r} failed: {type(error).__name__}: {error}") from error


def _app_in(module: Any, attribute: str, spec: str) -> FastAPI:
    name, called, _ = attribute.partition("(")
    found = getattr(module, name, None)
    if found is None:
        raise SetupError(f"{module.__name__} has no {name!r}; --app takes module:attribute")
    if called or inspect.isfunction(found):
        found = found()
    if not isinstance(found, FastAPI):
        raise SetupError(f"{spec} is a {type(found).__name__}, not a FastAPI app")
    return found
