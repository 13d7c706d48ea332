"""The key ring of a running app, kept at what its file says."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread

from backoffice.auth.key_files import KeyFile, Stamp
from backoffice.auth.key_ring import KeyRing, of_secrets
from backoffice.auth.settings import AuthSettings
from backoffice.auth.signing_keys import check_secret
from backoffice.core import Settings, SetupError

log = logging.getLogger(__name__)

#: Seconds between two looks at the file.
EVERY = 1.0


@asynccontextmanager
async def opened_ring(core: Settings, settings: AuthSettings) -> AsyncIterator[KeyRing]:
    """The ring of the file that is set, watched; else that of the secret key."""
    _check_secrets(core)
    if settings.key_ring is None:
        yield KeyRing(of_secrets(core.secrets()), settings.token_library)
        return
    file = KeyFile(settings.key_ring)
    entries, stamp = await to_thread.run_sync(file.read)
    ring = KeyRing(entries, settings.token_library)
    watch = asyncio.create_task(RingWatch(ring, file, stamp).keep())
    try:
        yield ring
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch


@dataclass
class RingWatch:
    """Looks whether the file was written anew; where that is not good, the last good ring stays.

    So no token is believed by a key that nobody could check, and nobody is signed out by a slip
    of whoever edits the file. Keys retire by their own time meanwhile.
    """

    ring: KeyRing
    file: KeyFile
    stamp: Stamp | None

    def __post_init__(self) -> None:
        # Threads of the app's own may all be busy; a key that was taken out must not wait for them.
        self._thread = CapacityLimiter(1)

    async def keep(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await to_thread.run_sync(self.look, limiter=self._thread)
            except Exception:
                # Whatever it is, a watch that ends would leave a revoked key in force.
                log.exception("the key ring could not be looked at")

    def look(self) -> None:
        """Take the file over if it has changed. Blocks; may be called by any thread."""
        found = self.file.stamp()
        if found == self.stamp:
            return
        self.stamp = found
        try:
            entries, self.stamp = self.file.read()
            self.ring.replace(entries)
        except SetupError as error:
            log.error("still with the last good keys: %s", error)  # noqa: TRY400 - it says all
        else:
            kids = ", ".join(str(each.key.kid) for each in entries)
            log.info("the key ring was read anew: %s", kids)


def _check_secrets(core: Settings) -> None:
    """All that is sealed or derived stands on these, whatever signs the tokens."""
    secrets = core.secrets()
    try:
        for each in secrets:
            check_secret(each)
    except SetupError as error:
        raise SetupError(f"BACKOFFICE_SECRET_KEY, or one before it: {error}") from None
