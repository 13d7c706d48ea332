"""The key ring in a file: a JWK Set with private keys, which only its owner may read.

Beside the members of RFC 7517, each key may have `signs_from` and `retire_after`, in ISO 8601.
"""

import json
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import mkstemp
from typing import Any, TypeAlias

from backoffice.auth import jwk
from backoffice.auth.key_ring import RingKey, check
from backoffice.core import SetupError

MAX_BYTES = 1_000_000
_TIMES = ("signs_from", "retire_after")
#: By these a file that was written anew is told from the one that was read.
Stamp: TypeAlias = tuple[int, int, int, int]


class NoKeyFile(SetupError):
    """There is no file at the path."""


@dataclass(frozen=True)
class KeyFile:
    """A file of keys."""

    path: Path

    def read(self) -> tuple[list[RingKey], Stamp]:
        """The keys, and the stamp of the file that they are from; SetupError if it is not good."""
        try:
            text, stamp = self._content()
            return _entries(text), stamp
        except FileNotFoundError:
            raise NoKeyFile(
                f"there is no key ring {self.path}; `backoffice secrets rotate` makes it"
            ) from None
        except OSError as error:
            raise SetupError(f"the key ring {self.path}: {error.strerror}") from None
        except SetupError as error:
            raise SetupError(f"the key ring {self.path}: {error}") from None

    def stamp(self) -> Stamp | None:
        """The stamp of the file as it is now; None where it cannot be told."""
        try:
            return _stamp(self.path.stat())
        except OSError:
            return None

    def write(self, entries: Sequence[RingKey]) -> None:
        """Put these keys in the place of what is there: whoever reads finds the old or the new."""
        check(entries)
        target = Path(os.path.realpath(self.path))
        text = json.dumps({"keys": [_members(each) for each in entries]}, indent=2) + "\n"
        try:
            _replace(target, text.encode())
        except OSError as error:
            raise SetupError(f"the key ring {self.path}: {error.strerror}") from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let nobody else rotate meanwhile: of two at once, one would lose its key."""
        if sys.platform == "win32":  # it has no flock
            yield
            return
        import fcntl

        folder = os.path.realpath(self.path.parent)
        try:
            descriptor = os.open(folder, os.O_RDONLY)
        except OSError as error:
            raise SetupError(f"the folder of the key ring {folder}: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _content(self) -> tuple[bytes, Stamp]:
        # Without O_NONBLOCK, to open a pipe would wait for a writer for ever.
        descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            _check_kind(found)
            return file.read(MAX_BYTES + 1), _stamp(found)


def _check_kind(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise SetupError("this is no file")
    if os.name == "posix" and found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise SetupError(f"others than its owner may use it (mode {mode:04o}); chmod 600 it")


def _stamp(found: os.stat_result) -> Stamp:
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _replace(target: Path, content: bytes) -> None:
    descriptor, draft = mkstemp(prefix=f".{target.name}.", dir=target.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        Path(draft).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(draft).unlink()
        raise
    if os.name == "posix":  # else a folder cannot be opened
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _entries(content: bytes) -> list[RingKey]:
    found = _document(content)
    if not isinstance(found, dict) or found.keys() != {"keys"}:
        raise SetupError('this is no JWK Set: {"keys": [...]} and nothing else')
    keys = found["keys"]
    if not isinstance(keys, list):
        raise SetupError("keys must be a list")
    entries = [_entry(number, each) for number, each in enumerate(keys)]
    check(entries)
    return entries


def _document(content: bytes) -> Any:
    if len(content) > MAX_BYTES:
        raise SetupError("this is too large for a key ring")
    try:
        return json.loads(content, object_pairs_hook=_members_once)
    except json.JSONDecodeError as error:
        raise SetupError(f"this is no JSON (line {error.lineno})") from None
    except (ValueError, RecursionError):
        raise SetupError("this is no JSON that can be used") from None


def _members_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise SetupError("a member is there twice")
    return found


def _entry(number: int, members: Any) -> RingKey:
    try:
        return _ring_key(members)
    except SetupError as error:
        raise SetupError(f"keys[{number}]: {error}") from None


def _ring_key(members: Any) -> RingKey:
    if not isinstance(members, dict) or "kid" not in members:
        raise SetupError("a key is an object with a kid")
    signs_from, retire_after = (_time(members, name) for name in _TIMES)
    key = jwk.read({name: each for name, each in members.items() if name not in _TIMES})
    return RingKey(key, signs_from, retire_after)


def _time(members: dict[str, Any], name: str) -> datetime | None:
    if name not in members:
        return None
    try:
        found = datetime.fromisoformat(members[name])
    except (TypeError, ValueError):
        found = None
    if found is None or found.tzinfo is None:
        raise SetupError(f"{name} must be a time such as 2026-03-01T12:00:00Z")
    return found


def _members(entry: RingKey) -> dict[str, Any]:
    times = zip(_TIMES, (entry.signs_from, entry.retire_after), strict=True)
    return {**jwk.private(entry.key), **{n: t.isoformat() for n, t in times if t is not None}}
