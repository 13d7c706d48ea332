"""The file that accounts are exported to: for its owner alone, and there when it is whole."""

import gzip
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from backoffice.auth.user_files.sources import STDIN
from backoffice.core import Conflict, InvalidInput, streams

Write = Callable[[str], object]


@contextmanager
def opened_output(name: str, *, overwrite: bool) -> Iterator[Write]:
    """What takes the text of the file of that name, `-` for stdout; packed for a name with .gz.

    Conflict where it is there already, InvalidInput where it cannot be written. What fails on the
    way leaves no file, and the one that was there.
    """
    if name == STDIN:
        yield lambda text: streams.write(text.encode(), nl=False)
        return
    path = Path(name)
    _check(path, overwrite)
    with _whole(path, overwrite) as stream:
        if path.suffix != ".gz":
            yield lambda text: stream.write(text.encode())
            return
        with gzip.GzipFile(filename="", fileobj=stream, mode="wb", compresslevel=6) as packed:
            yield lambda text: packed.write(text.encode())


def _check(path: Path, overwrite: bool) -> None:
    if not path.exists():
        return
    if not path.is_file():  # replacing /dev/null would leave a file in its place
        raise InvalidInput(f"{path} is there and no file; - is stdout")
    if not overwrite:
        raise _there(path)


@contextmanager
def _whole(path: Path, overwrite: bool) -> Iterator[BinaryIO]:
    try:
        # For its owner alone, and of a name that nobody has: not even an export that was killed.
        descriptor, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror or error}") from None
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield cast(BinaryIO, stream)
            stream.flush()
            os.fsync(stream.fileno())
        _put(Path(part), path, overwrite)
    except BaseException:
        with suppress(OSError):
            Path(part).unlink()
        raise


def _put(part: Path, path: Path, overwrite: bool) -> None:
    if overwrite:
        part.replace(path)
        return
    try:
        # Unlike replacing, refuses a file that has come to be there meanwhile.
        path.hardlink_to(part)
    except FileExistsError:
        raise _there(path) from None
    except OSError:  # a file system that has no second names
        part.replace(path)
    else:
        part.unlink()


def _there(path: Path) -> Conflict:
    return Conflict(f"{path} is there already; --overwrite replaces it", code="file_exists")
