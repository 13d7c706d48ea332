"""Templates: those of the app come before those of this package."""

from pathlib import Path

from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader
from jinja2.exceptions import TemplateNotFound

from backoffice.core import SetupError

_OURS = Path(__file__).parent / "templates"
#: By this name a template of the app extends the one that it stands before.
PREFIX = "backoffice"


def overridable(loader: BaseLoader | None, folder: Path | str | None) -> BaseLoader:
    """The same templates, after those of the folder; ours are `backoffice/list.html` too.

    SetupError for a folder that is not there.
    """
    ours = PrefixLoader({PREFIX: FileSystemLoader(_OURS)})
    loaders: list[BaseLoader] = [ours] if loader is None else [ours, loader]
    if folder is not None:
        if not Path(folder).is_dir():
            raise SetupError(f"Admin(templates=...): there is no folder {str(folder)!r}")
        loaders.insert(0, FileSystemLoader(Path(folder)))
    return ChoiceLoader(loaders)


def has_template(env: Environment, name: str) -> bool:
    """Whether there is a template of that name."""
    assert env.loader is not None  # noqa: S101 - the site has set it
    try:
        env.loader.get_source(env, name)
    except TemplateNotFound:
        return False
    return True


def require_template(env: Environment, name: str) -> None:
    """SetupError for a template that is not there."""
    if not has_template(env, name):
        raise SetupError(
            f"@admin.page: there is no template {name!r} in the folder of Admin(templates=...)"
        )
