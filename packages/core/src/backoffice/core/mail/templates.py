"""Templates: what a mail says, in text and in HTML, and who may say it otherwise.

All of them are compiled when they are opened, and filled as well where an app has its own: a
mistake in one is an error at the start, which names the file and the line.
"""

import re
import traceback
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from backoffice.core.errors import InvalidInput, NotFound, SetupError
from backoffice.core.mail.contexts import SAMPLES, MailTemplate
from backoffice.core.mail.messages import Message

if TYPE_CHECKING:
    from jinja2 import Environment

SHIPPED = Path(__file__).with_name("texts")
#: What each template consists of: an HTML part that is blank is not sent.
PARTS = (".subject.txt", ".txt", ".html")

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8}){0,3}", re.IGNORECASE)
_SPANS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


class Templates:
    """The templates that we ship, and over them those of `own`, file by file.

    `site` is what they call the app. Reads files, so not on the event loop; SetupError for a
    folder or a template that cannot be used.
    """

    def __init__(self, own: Path | None = None, *, site: str = "") -> None:
        self._own = own
        self._site = site
        self._environment = _shipped() if own is None else _environment([_folder(own), SHIPPED])
        #: Folder by language, in lower case.
        self._languages = {} if own is None else dict(_languages(own))
        if own is not None:
            self._check()

    def message(self, template: MailTemplate, *, to: str, language: str | None = None) -> Message:
        """The message to that mailbox, in that language (BCP 47) where there is a folder for it.

        Raises SetupError for a template that fails, and InvalidInput for what no mail can hold.
        """
        tag = self._known(template.name, language)
        subject, text, html = (self._filled(template, part, tag) for part in PARTS)
        return Message(
            to=to, subject=" ".join(subject.split()), text=text, html=html if html.strip() else None
        )

    def files(self, name: str, language: str | None = None) -> list[Path]:
        """The files that a template is read from; NotFound for a template that is not ours."""
        sample(name)
        found = [self._environment.get_template(each) for each in self._names(name, language)]
        return [Path(each.filename or "") for each in found]

    def _names(self, name: str, language: str | None) -> list[str]:
        tag = self._known(name, language)
        return [_in_folder(tag, name + part) for part in PARTS]

    def _filled(self, template: MailTemplate, part: str, tag: str) -> str:
        name = _in_folder(tag, template.name + part)
        failure = ""
        try:
            found = self._environment.get_template(name)
            around = {"site": self._site, "language": tag or "en"}
            return found.render(around | template.variables())
        except Exception as error:  # noqa: BLE001 - a template may raise whatever it calls raises
            failure = self._told(name, error)
        # Outside of the handler: the frames of the failure hold the links.
        raise SetupError(failure)

    def _known(self, name: str, language: str | None) -> str:
        """The folder of the nearest language that has this template, or none."""
        tag = language.lower() if language and _LANGUAGE.fullmatch(language) else ""
        while tag:
            folder = self._languages.get(tag)
            if folder is not None and self._own and (self._own / folder / f"{name}.txt").is_file():
                return folder
            tag = tag.rpartition("-")[0]
        return ""

    def _check(self) -> None:
        for name in self._broken():
            wanted = ", ".join(name + part for part in PARTS)
            raise SetupError(f"BACKOFFICE_MAIL__TEMPLATES: {name} needs all of {wanted}")
        for each in self._environment.list_templates(extensions=["txt", "html"]):
            self._compile(each)
        for template in SAMPLES:
            for language in (None, *self._languages):
                self._try(template, language)

    def _broken(self) -> Iterator[str]:
        """Templates of which a part is missing: half a mail, or half of it in another language."""
        known = set(self._environment.list_templates())
        names = {each.name for each in SAMPLES}
        names |= {
            each.removesuffix(PARTS[0]) for each in known if "/" not in each and PARTS[0] in each
        }
        for folder in ("", *self._languages.values()):
            for name in sorted(names):
                there = sum(_in_folder(folder, name + part) in known for part in PARTS)
                if 0 < there < len(PARTS):
                    yield _in_folder(folder, name)

    def _compile(self, name: str) -> None:
        from jinja2 import TemplateError

        try:
            self._environment.get_template(name)
        except (TemplateError, UnicodeDecodeError, OSError) as error:
            raise SetupError(self._told(name, error)) from None

    def _try(self, template: MailTemplate, language: str | None) -> None:
        try:
            self.message(template, to="ann@example.org", language=language)
        except InvalidInput as error:
            raise SetupError(f"the template {template.name}: {error.message}") from None

    def _told(self, name: str, error: Exception) -> str:
        from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError

        where = _place(error, [SHIPPED, *([self._own] if self._own else [])]) or name
        if isinstance(error, TemplateSyntaxError):
            where = f"{error.filename or name}, line {error.lineno}"
        if isinstance(error, TemplateNotFound):
            return f"the mail template {where}: there is no file {error.name}"
        # Only Jinja's own words: those of another error may repeat a value.
        what = error.message if isinstance(error, TemplateError) else type(error).__name__
        return f"the mail template {where}: {what}"


@cache
def _shipped() -> "Environment":
    """What we ship never changes: compiled once in a process, however many runs it has."""
    environment = _environment([SHIPPED])
    for each in environment.list_templates():
        environment.get_template(each)
    return environment


def _environment(folders: Sequence[Path]) -> "Environment":
    # 80 ms of imports that only those who write mail wait for.
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folders),
        undefined=StrictUndefined,
        autoescape=lambda name: name is None or name.endswith(".html"),
        # Read once: a file that is edited counts from the next start, where it is checked.
        auto_reload=False,
        cache_size=-1,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"span": span, "moment": moment}
    return environment


def sample(name: str) -> MailTemplate:
    """The sample of a template that we ship; NotFound names those that there are."""
    for each in SAMPLES:
        if each.name == name:
            return each
    raise NotFound(f"there is no such template; there are {', '.join(e.name for e in SAMPLES)}")


def span(value: timedelta) -> str:
    """`1 hour`, `15 minutes`, `2 days`: the largest unit that leaves nothing over."""
    seconds = max(1, round(value.total_seconds()))
    size, unit = next(each for each in _SPANS if seconds % each[0] == 0)
    count = seconds // size
    return f"{count} {unit}{'' if count == 1 else 's'}"


def moment(value: datetime) -> str:
    """`2030-01-31 12:00 UTC`, which every language reads alike."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise SetupError(f"BACKOFFICE_MAIL__TEMPLATES names {path}, which is no directory")
    return path


def _languages(folder: Path) -> Iterator[tuple[str, str]]:
    for each in sorted(folder.iterdir()):
        if each.is_dir() and _LANGUAGE.fullmatch(each.name):
            yield each.name.lower(), each.name


def _in_folder(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _place(error: Exception, folders: Sequence[Path]) -> str:
    """The innermost line of a template: Jinja writes its frames into the traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [each for each in frames if any(Path(each.filename).is_relative_to(f) for f in folders)]
    return f"{ours[-1].filename}, line {ours[-1].lineno}" if ours else ""
