"""The file: read through once for its digest, and once more for its lines, in bounded memory."""

import gzip
import hashlib
import os
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from backoffice.core import Conflict, InvalidInput

STDIN = "-"
#: In bytes; a longer line is refused.
LONGEST_LINE = 64 << 10
_BLOCK = 1 << 20
_GZIP = b"\x1f\x8b"
_NOT_PACKED = (EOFError, zlib.error, gzip.BadGzipFile)
_FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


class Source:
    """A file of accounts: what is in it, unpacked."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        #: SHA-256 of the content, in hex.
        self.digest = ""
        #: How many lines there are, about.
        self.lines = 0

    def measure(self) -> None:
        """Read it through for its digest and its lines."""
        content = hashlib.sha256()
        stream = self.opened()
        while block := stream.read(_BLOCK):
            content.update(block)
            self.lines += block.count(b"\n")
        self.digest = content.hexdigest()

    def opened(self) -> BinaryIO:
        """The content from its beginning; who has opened it last reads it."""
        self._stream.seek(0)
        packed = self._stream.read(2) == _GZIP
        self._stream.seek(0)
        # A GzipFile is read as any file is, which its type does not say.
        return cast(BinaryIO, gzip.GzipFile(fileobj=self._stream)) if packed else self._stream


class Lines:
    """The lines of a stream, each of bounded length; and the digest of all that was read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._content = hashlib.sha256()

    def next(self) -> bytes:
        """The next line with its end; b"" after the last. Of one too long, the beginning."""
        line = rest = self._read()
        while len(rest) > LONGEST_LINE and not rest.endswith(b"\n"):
            rest = self._read()
        return line

    def check(self, digest: str) -> None:
        """Conflict where this is not what the file was when it was read first."""
        if self._content.hexdigest() != digest:
            raise _changed()

    def _read(self) -> bytes:
        try:
            read = self._stream.readline(LONGEST_LINE + 1)
        except _NOT_PACKED:  # it was, when it was measured
            raise _changed() from None
        self._content.update(read)
        return read


@contextmanager
def opened_source(name: str) -> Iterator[Source]:
    """The file of that name, `-` for stdin, measured; InvalidInput where it cannot be read."""
    with ExitStack() as closing:
        with _readable():
            source = Source(_seekable(name, closing))
            source.measure()
        yield source


def _changed() -> Conflict:
    return Conflict(
        "the file was changed while it was imported; what was read of it is done. "
        "Import it again: accounts that are there are skipped",
        code="file_changed",
    )


def format_of(name: str, chosen: str | None = None) -> str:
    """`csv` or `jsonl`: the one chosen, else by the file's name."""
    if chosen is not None:
        return chosen
    path = Path(name)
    suffix = (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()
    if suffix not in _FORMATS:
        raise InvalidInput(
            "the name does not say of which format it is (.csv, .jsonl, .ndjson, each with .gz "
            "or not): add --format csv or --format jsonl"
        )
    return _FORMATS[suffix]


def _seekable(name: str, closing: ExitStack) -> BinaryIO:
    if name == STDIN:
        return _spooled(sys.stdin.buffer, closing)
    stream = closing.enter_context(Path(name).open("rb"))  # noqa: SIM115 - closed by the stack
    regular = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    return stream if regular else _spooled(stream, closing)


def _spooled(stream: BinaryIO, closing: ExitStack) -> BinaryIO:
    """A stream that can be read twice: in a file that has no name, for its owner alone."""
    file = cast(BinaryIO, closing.enter_context(tempfile.TemporaryFile()))  # noqa: SIM115
    while block := stream.read(_BLOCK):
        file.write(block)
    return file


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except _NOT_PACKED:
        raise InvalidInput("the file is no whole gzip file") from None
    except OSError as error:
        raise InvalidInput(f"the file cannot be read: {error.strerror or error}") from None
