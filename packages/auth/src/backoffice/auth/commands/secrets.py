"""`backoffice secrets rotate`: a new key signs tokens, and nobody is signed out."""

import re
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sys import stderr
from typing import Annotated, Any

import typer

from backoffice.auth.key_files import KeyFile, NoKeyFile
from backoffice.auth.key_ring import KeyRing, RingKey, of_secrets, signing
from backoffice.auth.rotation import OVERLAP, Rotation, default_lead, rotated, state
from backoffice.auth.settings import AuthSettings
from backoffice.auth.signing_keys import ALGORITHMS, SigningKey
from backoffice.core import InvalidInput, Run, Settings, SetupError
from backoffice.core import settings as core_settings
from backoffice.core.command import Command, rehearsed
from backoffice.core.discovery import NoApp
from backoffice.core.settings import load
from backoffice.core.settings.variables import used_settings

secrets = typer.Typer(help="Make and change secrets.", no_args_is_help=True)

_SPAN = re.compile(r"(\d{1,5})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_COLUMNS = ("kid", "alg", "state", "signs_from", "retire_after")


def span(text: str) -> timedelta:
    """A span of time as it is typed: 0s, 90s, 5m, 12h, 30d or 8w."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise InvalidInput(f"{text!r} is no span of time; write 90s, 5m, 12h, 30d or 8w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _given(text: str | None) -> timedelta | None:
    return None if text is None else span(text)


@dataclass(frozen=True)
class _Wish:
    """What was asked for; None where it is for us to say."""

    algorithm: str | None
    overlap: timedelta | None
    lead: timedelta | None
    key: Path | None


@secrets.command("rotate")
@rehearsed
def rotate(
    context: typer.Context,
    alg: Annotated[
        str | None,
        typer.Option(help=f"{', '.join(ALGORITHMS)}. As the key that signs now, if left out."),
    ] = None,
    overlap: Annotated[
        str | None,
        typer.Option(help="How long the old keys are believed. 1h, or as long as tokens live."),
    ] = None,
    lead: Annotated[
        str | None,
        typer.Option(help="When the new key begins to sign. 5s for a secret, else 5m."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="Take this private key, in PEM, rather than a new one.")
    ] = None,
) -> None:
    """Add a new key to the key ring, retire the old ones, and take out what is over."""
    wish = _Wish(alg, _given(overlap), _given(lead), key)
    command = Command.of(context)
    core, settings = _settings(command)
    file = _file(settings)
    moment = datetime.now(UTC).replace(microsecond=0)
    with file.locked():
        before = _entries(file, core)
        if not before:
            command.say("BACKOFFICE_SECRET_KEY is not set: tokens that its key signed are refused")
        rotation = _rotation(before, wish, settings, moment)
        if rotation.changes and not command.dry_run:
            file.write(rotation.entries)
    _tell(command, rotation, moment)
    if rotation.added is not None and _overlap(wish, settings) < settings.access_lifetime:
        command.say("warning: the overlap is shorter than access tokens live; some are refused")
    _give(command, file, rotation, moment)


def _settings(command: Command) -> tuple[Settings, AuthSettings]:
    """Those of the app where there is one: they may be given in code."""

    async def found(run: Run) -> tuple[Settings, AuthSettings]:
        used = [each for _, each in await used_settings(run)]
        own = next((each for each in used if isinstance(each, AuthSettings)), None)
        return await run.open(core_settings), own or load(AuthSettings)

    try:
        with redirect_stdout(stderr):  # the app's modules may print
            return command.run(found)
    except NoApp:
        return load(Settings), load(AuthSettings)


def _file(settings: AuthSettings) -> KeyFile:
    if settings.key_ring is None:
        raise SetupError(
            "there is no key ring to rotate: BACKOFFICE_AUTH__KEY_RING is not set. Name a file "
            "that only the app may read, here and for the app, such as "
            f"`export BACKOFFICE_AUTH__KEY_RING={Path.cwd() / 'keys.json'}`, and run this again: "
            "the file is made, and no token is lost. To change BACKOFFICE_SECRET_KEY itself, set "
            "it to what `backoffice secrets generate` prints, and put the value of today into "
            "BACKOFFICE_PREVIOUS_SECRET_KEYS"
        )
    return KeyFile(settings.key_ring)


def _entries(file: KeyFile, core: Settings) -> list[RingKey]:
    """What is in force: the file, or until there is one, the keys that the secrets give."""
    try:
        return file.read()[0]
    except NoKeyFile:
        return of_secrets(core.secrets()) if core.secret_key is not None else []


def _rotation(
    before: Sequence[RingKey], wish: _Wish, settings: AuthSettings, moment: datetime
) -> Rotation:
    key = _key(before, wish, moment)
    rotation = rotated(
        before,
        key,
        moment,
        lead=default_lead(key) if wish.lead is None else wish.lead,
        overlap=_overlap(wish, settings),
    )
    KeyRing(rotation.entries, settings.token_library)  # refuses what the app would refuse
    return rotation


def _overlap(wish: _Wish, settings: AuthSettings) -> timedelta:
    return max(OVERLAP, settings.access_lifetime) if wish.overlap is None else wish.overlap


def _key(before: Sequence[RingKey], wish: _Wish, moment: datetime) -> SigningKey:
    if wish.algorithm is not None and wish.algorithm not in ALGORITHMS:
        raise InvalidInput(f"--alg takes one of {', '.join(ALGORITHMS)}")
    if wish.key is not None:
        try:
            return SigningKey.from_pem(wish.key.read_bytes(), wish.algorithm)
        except OSError as error:
            raise InvalidInput(f"{wish.key} cannot be read: {error.strerror}") from None
    able = [each for each in before if not each.is_retired(moment)]
    return SigningKey.generated(
        wish.algorithm or (signing(able, moment).key.algorithm if able else "HS256")
    )


def _tell(command: Command, rotation: Rotation, moment: datetime) -> None:
    signs = signing(rotation.entries, moment)
    done = "would be" if command.dry_run else "is"
    if rotation.added is None:
        coming = next(each for each in rotation.entries if each.signs_from and each is not signs)
        command.say(f"no key {done} added: {coming.key.kid} signs from {_iso(coming.signs_from)}")
    elif rotation.added is signs:
        command.say(f"{signs.key.kid} {done} added, and signs at once")
    else:
        command.say(
            f"{rotation.added.key.kid} {done} added, and signs from "
            f"{_iso(rotation.added.signs_from)}; until then {signs.key.kid} does"
        )
    for each in rotation.removed:
        command.say(f"{each.key.kid} {done} taken out: its tokens are refused")


def _give(command: Command, file: KeyFile, rotation: Rotation, moment: datetime) -> None:
    rows = [_row(each, rotation.entries, moment) for each in rotation.entries]
    if not command.as_json:
        command.give_rows(rows, _COLUMNS)
        return
    command.give(
        {
            "file": str(file.path),
            "changed": rotation.changes,
            "added": rotation.added and rotation.added.key.kid,
            "removed": [each.key.kid for each in rotation.removed],
            "keys": rows,
        }
    )


def _row(entry: RingKey, entries: Sequence[RingKey], moment: datetime) -> dict[str, Any]:
    return {
        "kid": entry.key.kid,
        "alg": entry.key.algorithm,
        "state": state(entry, entries, moment),
        "signs_from": _iso(entry.signs_from),
        "retire_after": _iso(entry.retire_after),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
