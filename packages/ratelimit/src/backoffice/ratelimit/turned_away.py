"""Answers to who was refused a moment ago, ready to be sent: an attack takes little else."""

from collections import OrderedDict
from typing import NamedTuple

from backoffice.ratelimit.decisions import Decision
from backoffice.ratelimit.headers import Raw
from backoffice.ratelimit.limiter import Limiter
from backoffice.ratelimit.refused import Refusal

#: About a kilobyte each; whoever does not fit is answered by a longer way.
MOST = 4096


class Answer(NamedTuple):
    """One that holds as long as the refusal does, and reads the same until then."""

    limiter: Limiter
    refusal: Refusal
    until: float
    decision: Decision
    headers: Raw
    body: bytes


class TurnedAway:
    """The answers of one layer around an app, by caller.

    An app may run twice at a time: each has a limiter of its own, and answers that one has made
    are not those of the other.
    """

    def __init__(self) -> None:
        self._answers: OrderedDict[str, Answer] = OrderedDict()

    def answer(self, caller: str, limiter: Limiter) -> Answer | None:
        """What this caller is to be told, where it is known that it cannot pass."""
        found = self._answers.get(caller)
        if (
            found is None
            or found.limiter is not limiter
            or not found.refusal.until
            or limiter.overrides
            or limiter.now() >= found.until
        ):
            return None
        limiter.again(found.decision)
        return found

    def keep(self, caller: str, answer: Answer) -> None:
        """Answer so from now on."""
        self._answers[caller] = answer
        self._answers.move_to_end(caller)
        if len(self._answers) > MOST:
            self._answers.popitem(last=False)
