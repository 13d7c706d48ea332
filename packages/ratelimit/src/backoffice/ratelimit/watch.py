"""Who watches the limits of a run: its counters, its events, and the span of a trace."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends

from backoffice.core import Clock, Events, clock, events, singleton
from backoffice.ratelimit.decisions import Decision
from backoffice.ratelimit.events import LimitRefused, Refusals
from backoffice.ratelimit.metrics import LimitMetrics, Outcome, limit_metrics

#: Of a limit's units, in percent: with fewer left it is nearly spent.
NEAR = 20

POLICY = "backoffice.ratelimit.policy"
OUTCOME = "backoffice.ratelimit.outcome"
REMAINING = "backoffice.ratelimit.remaining"

_TRACE, _CONTEXT = "opentelemetry.trace", "opentelemetry.context"
#: From what a trace should show last to what it should show first.
_PRESSING: tuple[Outcome, ...] = ("allowed", "near", "shadow", "local", "unavailable", "refused")


class Watch:
    """Is told of every check; what comes of that never changes an answer."""

    def __init__(self, metrics: LimitMetrics, events: Events, clock: Clock) -> None:
        self._metrics = metrics
        self._events = events
        self._refusals = Refusals(clock.monotonic)

    def checked(
        self,
        decisions: Sequence[Decision],
        callers: Sequence[str],
        seconds: float,
        *,
        local: bool = False,
    ) -> None:
        """Note the checks of one round trip; `callers` are the digests that they counted."""
        self._metrics.took(seconds)
        for decision, caller in zip(decisions, callers, strict=True):
            outcome = outcome_of(decision, local)
            self._metrics.count(decision.name, outcome)
            if outcome == "refused" or outcome == "shadow":
                self._tell(decision, caller)
        if _is_traced():
            _trace([(outcome_of(each, local), each) for each in decisions])

    def one(self, decision: Decision, caller: str, seconds: float) -> None:
        """The same for one check by itself, which most are."""
        outcome = outcome_of(decision)
        self._metrics.one(decision.name, outcome, seconds)
        if outcome == "refused" or outcome == "shadow":
            self._tell(decision, caller)
        if _is_traced():
            _trace([(outcome, decision)])

    def again(self, decision: Decision) -> None:
        """Note a refusal that repeats one of a moment ago: it took no time, and was told then."""
        self._metrics.one(decision.name, "refused", 0)
        if _is_traced():
            _trace([("refused", decision)])

    def unavailable(self, policies: Sequence[str], seconds: float) -> None:
        """Note that these could not be checked, whatever became of the caller."""
        self._metrics.took(seconds)
        for each in policies:
            self._metrics.count(each, "unavailable")
        if _is_traced():
            _trace([("unavailable", Decision(each, True, 0, ())) for each in policies])

    def _tell(self, decision: Decision, caller: str) -> None:
        for each in decision.standings:
            if each.wait and self._refusals.first(decision.name, each.limit, caller):
                told = LimitRefused(
                    policy=decision.name, limit=str(each.limit), shadow=each.shadow, caller=caller
                )
                self._events.announce(told)


def outcome_of(decision: Decision, local: bool = False) -> Outcome:
    """What a check came to."""
    if not decision.standings:
        return "unavailable"
    if not decision.allowed:
        return "refused"
    found: Outcome = "allowed"
    # Written out: it runs at each check.
    for each in decision.standings:
        if each.shadow and each.wait:
            found = "shadow"
            break
        if each.reset and 100 * each.remaining < NEAR * each.limit.burst:
            found = "near"
    return "local" if local else found


def _is_traced() -> bool:
    """Whether there may be a span: none is where nothing has imported OpenTelemetry's traces."""
    # Any: nothing here needs it to be installed.
    context: Any = sys.modules.get(_CONTEXT)
    # Its baggage alone fills a context as well.
    return context is not None and bool(context.get_current()) and _TRACE in sys.modules


def _trace(found: Sequence[tuple[Outcome, Decision]]) -> None:
    if not found:
        return
    trace: Any = sys.modules[_TRACE]
    span = trace.get_current_span()
    if span is trace.INVALID_SPAN or not span.is_recording():
        return
    outcome, decision = max(found, key=lambda each: _PRESSING.index(each[0]))
    span.set_attribute(POLICY, decision.name)
    span.set_attribute(OUTCOME, outcome)
    if (remaining := decision.remaining) is not None:
        span.set_attribute(REMAINING, remaining)


@singleton
def watch(
    metrics: Annotated[LimitMetrics, Depends(limit_metrics)],
    events: Annotated[Events, Depends(events)],
    clock: Annotated[Clock, Depends(clock)],
) -> Watch:
    """The watch of this run's limits."""
    return Watch(metrics, events, clock)
