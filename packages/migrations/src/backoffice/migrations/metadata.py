"""The models of an app that has no env.py yet: where their metadata is, and what defines them."""

import importlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from sqlalchemy import MetaData, Table

from backoffice.core.discovery import NoApp, find_app, project_folder
from backoffice.core.errors import SetupError
from backoffice.migrations.autogenerate import of_a_package


@dataclass(frozen=True)
class Models:
    """Metadata by the names that it is imported by (`shop.models:Base.metadata`), and all modules
    that have to be imported for its tables to be there."""

    targets: tuple[str, ...]
    modules: tuple[str, ...]
    metadata: tuple[MetaData, ...]

    @property
    def tables(self) -> list[Table]:
        """Those of the app: a package's are none of its business."""
        found = [table for each in self.metadata for table in each.sorted_tables]
        return [table for table in found if not of_a_package(table.name)]


def find_models(app: str | None = None, named: Sequence[str] = ()) -> Models:
    """The models of the app, or those whose metadata is named as `module:metadata`.

    SetupError where there are none, saying how to name them.
    """
    if named:
        return _models([_named(each) for each in named])
    try:
        find_app(app)
    except NoApp as error:
        raise SetupError(
            f"{error.message}; or name the metadata of your models: --models shop.models:Base"
        ) from None
    found = list(_loaded())
    if not found:
        raise SetupError(
            "the app has no models that could be found: none of its modules defines a table. "
            "Name their metadata: --models shop.models:Base"
        )
    return _models(found)


def _models(found: Sequence[tuple[str, MetaData]]) -> Models:
    metadata = tuple(each for _, each in found)
    modules = sorted({name for each in metadata for name in _defining(each)})
    own = [target.partition(":")[0] for target, _ in found]
    return Models(
        tuple(target for target, _ in found),
        tuple(sorted({*modules, *own} - {"sqlmodel"})),
        metadata,
    )


def _named(spec: str) -> tuple[str, MetaData]:
    module_name, _, attribute = spec.partition(":")
    if not module_name or not attribute:
        raise SetupError(f"{spec!r} does not name metadata; write it as module:metadata")
    for folder in (str(project_folder()), str(Path.cwd())):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    try:
        found: object = importlib.import_module(module_name)
    except Exception as error:
        raise SetupError(f"importing {module_name!r} failed: {type(error).__name__}") from error
    for name in attribute.split("."):
        found = getattr(found, name, None)
    if isinstance(found, MetaData):
        return spec, found
    of_models = getattr(found, "metadata", None)
    if isinstance(of_models, MetaData):
        return f"{spec}.metadata", of_models
    raise SetupError(f"{spec} is no metadata, and has none; name a MetaData, or a class of models")


def _loaded() -> Iterator[tuple[str, MetaData]]:
    """The metadata of the project's modules that has tables of the app, each once."""
    seen: set[int] = set()
    for module in _own_modules():
        for value in list(vars(module).values()):
            metadata = _of(value)
            if metadata is not None and id(metadata) not in seen:
                seen.add(id(metadata))
                if any(not of_a_package(each) for each in metadata.tables):
                    yield _name_of(metadata), metadata


def _name_of(metadata: MetaData) -> str:
    sqlmodel = sys.modules.get("sqlmodel")
    if sqlmodel is not None and metadata is sqlmodel.SQLModel.metadata:
        return "sqlmodel:SQLModel.metadata"
    return min(_names(metadata))[-1]


def _names(metadata: MetaData) -> Iterator[tuple[int, int, str]]:
    """How it can be reached, the best way first: by itself, by a base, by a model."""
    for module in _own_modules():
        for name, value in list(vars(module).items()):
            if _of(value) is not metadata:
                continue
            elsewhere = getattr(value, "__module__", module.__name__) != module.__name__
            if value is metadata:
                yield 0, len(module.__name__), f"{module.__name__}:{name}"
            else:
                rank = 2 if hasattr(value, "__table__") or isinstance(value, Table) else 1
                place = f"{module.__name__}:{name}.metadata"
                yield rank + 2 * elsewhere, len(module.__name__), place


def _of(value: object) -> MetaData | None:
    """The metadata that a thing is, or is of."""
    if isinstance(value, MetaData):
        return value
    if not isinstance(value, type | Table):
        return None
    found = getattr(value, "metadata", None)
    return found if isinstance(found, MetaData) else None


def _defining(metadata: MetaData) -> Iterator[str]:
    """The modules in which a table is defined, as a class or by itself."""
    for module in _own_modules():
        for value in list(vars(module).values()):
            table = value if isinstance(value, Table) else getattr(value, "__table__", None)
            if not isinstance(table, Table) or table.metadata is not metadata:
                continue
            if of_a_package(table.name):
                continue
            if getattr(value, "__module__", module.__name__) == module.__name__:
                yield module.__name__


def _own_modules() -> list[ModuleType]:
    """Modules of the project, which its installed packages are not."""
    folder = project_folder().resolve()
    return [
        module
        for name, module in sorted(sys.modules.items())
        if name != "__main__" and (file := _file(module)) and _in_project(file, folder)
    ]


def _file(module: object) -> str | None:
    file = getattr(module, "__file__", None)
    return file if isinstance(file, str) else None


def _in_project(file: str, folder: Path) -> bool:
    path = Path(file).resolve()
    others = {"site-packages", "dist-packages", ".venv", "venv"}
    return path.is_relative_to(folder) and not others & {*path.relative_to(folder).parts}


def import_roots(models: Models) -> list[Path]:
    """The folders that the modules are imported from."""
    roots = set()
    for name in models.modules:
        file = _file(sys.modules[name])
        if file is not None:
            path = Path(file).resolve()
            depth = name.count(".") + (1 if path.name == "__init__.py" else 0)
            roots.add(path.parents[depth])
    return sorted(roots)
