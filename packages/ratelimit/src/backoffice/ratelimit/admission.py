"""Admission: all the gates of a connection, judged in one round trip."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import Response

from backoffice.ratelimit.decisions import Decision
from backoffice.ratelimit.failures import has_failed, watch
from backoffice.ratelimit.gates import Gate
from backoffice.ratelimit.judgements import Check, Judgement
from backoffice.ratelimit.limiter import Limiter
from backoffice.ratelimit.refusals import refusal
from backoffice.ratelimit.reservations import Reservation
from backoffice.ratelimit.route_gates import Named
from backoffice.ratelimit.visits import Visit

#: Where FastAPI keeps what is to be done once the answer has been sent.
STACK = "fastapi_inner_astack"


async def admit(
    gates: Sequence[Named], limiter: Limiter, connection: HTTPConnection, visit: Visit
) -> None:
    """Let the connection pass all of them, or raise TooManyRequests, or Unavailable."""
    refused = await refusing(gates, limiter, connection, visit)
    if refused:
        raise refusal(refused, visit.fields(limiter))


async def refusing(
    gates: Sequence[Named], limiter: Limiter, connection: HTTPConnection, visit: Visit
) -> list[Decision]:
    """The decisions that refuse it, none where it may pass; raises Unavailable."""
    if len(gates) == 1 and gates[0].gate.plain:
        gate, bucket = gates[0]
        key = await gate.identity(connection, visit)
        # What waits for nothing, as most do, is told at once.
        decision = limiter.at_once(bucket, key, gate.limits, gate.cost or 0)
        if decision is None:
            return await refusing_alone(gates[0], key, limiter, visit)
        visit.note_one(gate, decision)
        return [] if decision.allowed else [decision]
    asked = await _asked(gates, connection, visit)
    if not asked:
        return []
    judged = await limiter.judge([check for _, check in asked])
    decisions = judged.decisions
    visit.note([gate for gate, _ in asked], decisions)
    refused = [each for each in decisions if not each.allowed and each.cost]
    if not refused:
        for number, (gate, _) in enumerate(asked):
            if gate.settles or judged.has_places(number):
                _hold(gate, number, judged, limiter, visit)
    return refused


async def refusing_alone(named: Named, key: str, limiter: Limiter, visit: Visit) -> list[Decision]:
    """The same for one plain gate, where `at_once` has not told."""
    gate, bucket = named
    decision = await limiter.one(bucket, key, gate.limits, gate.cost or 0, gate.on_error)
    visit.note_one(gate, decision)
    return [] if decision.allowed else [decision]


async def _asked(
    gates: Sequence[Named], connection: HTTPConnection, visit: Visit
) -> list[tuple[Gate, Check]]:
    asked: list[tuple[Gate, Check]] = []
    for gate, bucket in gates:
        check = await gate.ask(connection, visit, bucket)
        if check is None:
            visit.exempt(gate, Decision(bucket, True, 0, ()))
        else:
            asked.append((gate, check))
    return asked


def _hold(gate: Gate, number: int, judged: Judgement, limiter: Limiter, visit: Visit) -> None:
    """Keep what one gate has taken until the connection ends."""
    reserved = Reservation(judged.decisions[number].cost) if gate.reserves else None
    if reserved is not None:
        visit.reserve(gate, reserved)
    on_failures = gate.on == "failures"
    visit.hold(limiter.hold(judged, number, reservation=reserved, on_failures=on_failures))


def settle_afterwards(
    limiter: Limiter, connection: HTTPConnection, visit: Visit, response: Response
) -> None:
    """Settle what the connection holds when its route has answered, streams to their end."""
    stack: AsyncExitStack = connection.scope[STACK]
    stack.push_async_exit(_settling(limiter, connection, visit, response))


def _settling(
    limiter: Limiter, connection: HTTPConnection, visit: Visit, response: Response
) -> Callable[[Any, BaseException | None, Any], Awaitable[None]]:
    watched = watch(response)

    async def settle(_: Any, error: BaseException | None, __: Any) -> None:
        await limiter.end(visit.holdings, failed=has_failed(connection, error, watched))

    return settle
