"""Where letters go when no mail server takes them: a terminal, a directory, memory."""

import os
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from anyio import to_thread

from backoffice.core.errors import SetupError
from backoffice.core.mail.errors import MailUnavailable
from backoffice.core.mail.messages import Letter, Message

REMEMBERED = 1000


class Backend(Protocol):
    """A way out for letters. Both methods raise MailUnavailable, and hang no longer than told."""

    async def deliver(self, letter: Letter) -> None:
        """Hand the letter over; on return it is no longer ours."""

    async def ping(self) -> None:
        """See whether letters would be taken, without sending one."""


class Console:
    """Shows mail to the person at the terminal, on stderr and never by logging: it holds secrets.

    Where nobody sits at one, stderr is a log, so that letters are refused unless `anywhere`.
    """

    def __init__(self, *, anywhere: bool = False) -> None:
        self._anywhere = anywhere

    async def deliver(self, letter: Letter) -> None:
        """Print the letter's text."""
        await self.ping()
        await _in_thread(lambda: _print(letter), "stderr")

    async def ping(self) -> None:
        """Refuse where no person would see it."""
        if not (self._anywhere or sys.stderr.isatty()):
            raise MailUnavailable("BACKOFFICE_MAIL__URL is not set, and stderr is no terminal")


def _print(letter: Letter) -> None:
    message = letter.message
    shown = [f"To: {message.to}", f"Subject: {message.subject}", "", message.text.rstrip()]
    rule = "-" * 72
    sys.stderr.write("\n".join([rule, *shown, rule, ""]))
    sys.stderr.flush()


class Directory:
    """Writes each letter to `<id>.eml`, for its owner alone; sent again, it replaces itself."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(
                f"BACKOFFICE_MAIL__URL names {path}, which cannot be made: {error.strerror}"
            ) from None

    async def deliver(self, letter: Letter) -> None:
        """Write the file: whoever watches the directory never finds half of it."""
        await _in_thread(lambda: self._write(letter), str(self.path))

    async def ping(self) -> None:
        """Make a file and remove it."""
        await _in_thread(self._try, str(self.path))

    def _write(self, letter: Letter) -> None:
        descriptor, name = tempfile.mkstemp(dir=self.path, prefix=".", suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(letter.content)
                file.flush()
                os.fsync(descriptor)
            Path(name).replace(self.path / f"{letter.message.id}.eml")
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _try(self) -> None:
        with tempfile.TemporaryFile(dir=self.path):
            pass


class Memory:
    """Keeps the last thousand messages, for tests."""

    def __init__(self) -> None:
        self.sent: deque[Message] = deque(maxlen=REMEMBERED)

    async def deliver(self, letter: Letter) -> None:
        """Keep the message."""
        self.sent.append(letter.message)

    async def ping(self) -> None:
        """Memory is always there."""


async def _in_thread(work: Callable[[], None], place: str) -> None:
    try:
        await to_thread.run_sync(work)
    except OSError as error:
        raise MailUnavailable(f"{place} cannot be written: {error.strerror}") from None
