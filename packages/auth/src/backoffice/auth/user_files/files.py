"""The file that accounts are exported to: for its owner alone, and there when it is whole."""

import gzip
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from backoffice.auth.user_files.sources import STDIN
from backoffice.core import Conflict, InvalidInput

Write = Callable[[str], object]


@contextmanager
def opened_output(name: str, *, overwrite: bool) -> Iterator[Write]:
    """What takes the text of the file of that name, `-` for stdout; packed for a name with .gz.

    Conflict where it is there already, InvalidInput where it cannot be written. What fails on the
    way leaves no file, and the one that was there.
    """
    if name == STDIN:
        yield lambda text: sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
        return
    path = Path(name)
    if path.exists() and not overwrite:
        raise Conflict(f"{name} is there already; --overwrite replaces it", code="file_exists")
    with _whole(path) as stream:
        if path.suffix != ".gz":
            yield lambda text: stream.write(text.encode())
            return
        with gzip.GzipFile(filename="", fileobj=stream, mode="wb", compresslevel=6) as packed:
            yield lambda text: packed.write(text.encode())


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror or error}") from None
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield cast(BinaryIO, stream)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
