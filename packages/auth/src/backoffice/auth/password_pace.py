"""Wrong passwords are answered alike late, whatever kind of hash an account has."""

from backoffice.auth.password_costs import Kind
from backoffice.auth.password_hashes import Run

#: How much a new figure counts against those before.
_WEIGHT = 0.1
#: No more than this is waited, in seconds.
LONGEST = 3.0


class PasswordPace:
    """How long each kind of hash takes here, by what was run.

    An account that was brought with a hash of 200 ms would stand out among strangers, whose decoy
    takes 45. So a wrong answer by a quicker kind is held back, without any work, by as much as
    the slowest kind that this process has seen takes longer. Where all are argon2id, by nothing.
    """

    def __init__(self) -> None:
        self._means: dict[Kind, float] = {}

    def note(self, run: Run) -> None:
        """Count what was run."""
        if not run.times:
            return
        seconds = run.seconds / run.times
        mean = self._means.setdefault(run.kind, seconds)
        self._means[run.kind] = mean + _WEIGHT * (seconds - mean)

    def behind(self, run: Run) -> float:
        """How many seconds a hash of the slowest kind would have taken longer.

        By ratio: on a busy machine both take longer.
        """
        if not run.times:
            return 0.0
        slowest = max(self._means.values(), default=0.0)
        ratio = slowest / self._means.get(run.kind, slowest)
        return min(run.seconds * (ratio - 1), LONGEST)
