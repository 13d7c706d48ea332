"""`backoffice limits`: which limits there are, how a caller stands, and what to do about it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar

import typer

from backoffice.core import InvalidInput, Run, SetupError
from backoffice.core.command import Command, operator, rehearsed, span_of
from backoffice.core.settings import load
from backoffice.ratelimit.desk import Desk, Whom
from backoffice.ratelimit.events import LimitOverridden, LimitReset, OverrideLifted
from backoffice.ratelimit.limits import Limit, limits
from backoffice.ratelimit.overrides import EVERYBODY
from backoffice.ratelimit.settings import RateLimitSettings, ratelimit_settings

group: typer.Typer = typer.Typer(help="Rate limits: who may do how much.", no_args_is_help=True)

T = TypeVar("T")
Name = Annotated[str, typer.Argument(help="The policy, as `limits list` names it.")]
User = Annotated[str | None, typer.Option(help="The account: its address or id.")]
Address = Annotated[str | None, typer.Option(help="The client's address.")]
Key = Annotated[str | None, typer.Option(help="What the policy's own key gives, or a key's id.")]
Written = Annotated[
    list[str] | None, typer.Option("--limit", help="A limit, as 100/minute; repeatable.")
]

#: Seconds; an operator may be far from Redis, and has more time than a request.
PATIENCE = 2.0


@group.command("list")
def list_limits(
    context: typer.Context,
    callers: Annotated[
        bool, typer.Option("--callers", help="Count callers too: reads all keys of that Redis.")
    ] = False,
) -> None:
    """Every limit of the app: what it allows, who is counted, and what an operator has changed."""

    async def work(desk: Desk) -> list[dict[str, Any]]:
        if callers:
            return await desk.callers_of_each()
        return [desk.shown(each) for each in desk.policies]

    columns = ["policy", "limits", "counted", "on", "on_error", "shadow", "overridden"]
    columns += ["callers"] if callers else []
    Command.of(context).give_rows(_within(context, work), columns)


@group.command("show")
def show(
    context: typer.Context,
    name: Name,
    user: User = None,
    address: Address = None,
    key: Key = None,
    limit: Written = None,
) -> None:
    """One policy; with a caller, how that one stands, which spends nothing."""
    whom = Whom(user, address, key)

    async def work(desk: Desk) -> dict[str, Any]:
        policy = desk.policy(name)
        if not whom.named:
            return desk.shown(policy)
        return await desk.standing(policy, await desk.key(policy, whom), _limits(limit))

    answer, command = _within(context, work), Command.of(context)
    if command.as_json:
        command.give(answer)
    else:
        rows = answer["standings"] if whom.named else [answer]
        columns = ("limit", "remaining", "wait", "reset", "shadow") if whom.named else (*answer,)
        command.give_rows(rows, columns)


@group.command("reset")
@rehearsed
def reset(
    context: typer.Context,
    name: Name,
    user: User = None,
    address: Address = None,
    key: Key = None,
    limit: Written = None,
    everybody: Annotated[
        bool, typer.Option("--everybody", help="All callers: reads all keys of that Redis.")
    ] = False,
) -> None:
    """Forget what a caller has spent of a policy, or all of them."""
    whom, command = _whom(Whom(user, address, key), everybody=everybody), Command.of(context)

    async def work(desk: Desk) -> dict[str, Any]:
        policy = desk.policy(name)
        if not whom.named:
            spent = desk.counters_of_all(policy, _limits(limit))
            event = LimitReset(actor=operator(), subject=policy.subject, caller=EVERYBODY)
            if not command.dry_run:
                await desk.change(event, lambda: desk.reset_all(policy, spent))
            return {"policy": name, "caller": EVERYBODY, "reset": True}
        counted = await desk.key(policy, whom)
        wanted = desk.counters(policy, counted, _limits(limit))
        event = LimitReset(actor=operator(), subject=policy.subject, caller=counted.digest)
        if not command.dry_run:
            await desk.change(event, lambda: desk.limiter.reset(name, counted.text, wanted))
        return {"policy": name, "caller": counted.digest, "reset": True}

    _give(context, _within(context, work), f"{whom} is reset")


@group.command("override")
@rehearsed
def override(
    context: typer.Context,
    name: Name,
    limit: Written = None,
    span: Annotated[
        str | None, typer.Option("--for", help="How long, as 30m or 2h; else until it is lifted.")
    ] = None,
    user: User = None,
    address: Address = None,
    key: Key = None,
) -> None:
    """Let other limits hold for a policy, for all or for one caller, in every process."""
    command = Command.of(context)
    wanted, seconds, whom = _limits(limit), _seconds(span), Whom(user, address, key)
    if not wanted:
        raise InvalidInput("say what is to hold instead: --limit 100/minute")

    async def work(desk: Desk) -> dict[str, Any]:
        policy = desk.policy(name)
        caller = await desk.caller(policy, whom)
        desk.room(name, caller)
        texts = tuple(map(str, wanted))
        event = LimitOverridden(
            actor=operator(),
            subject=policy.subject,
            caller=caller,
            limits=texts,
            seconds=seconds,
        )
        if not command.dry_run:
            await desk.change(event, lambda: desk.overrides.set(name, caller, wanted, seconds))
        return {"policy": name, "caller": caller, "limits": texts, "seconds": seconds}

    text = f"{', '.join(map(str, wanted))} holds for {name}, within two seconds everywhere"
    _give(context, _within(context, work), text)


@group.command("lift")
@rehearsed
def lift(
    context: typer.Context,
    name: Name,
    user: User = None,
    address: Address = None,
    key: Key = None,
) -> None:
    """End an override: what the code says holds again."""
    whom, command = Whom(user, address, key), Command.of(context)

    async def work(desk: Desk) -> dict[str, Any]:
        # Not desk.policy: what the code has dropped meanwhile can be lifted as well.
        policy = desk.policy_or_bare(name)
        caller = await desk.caller(policy, whom)
        desk.overridden(name, caller)
        event = OverrideLifted(actor=operator(), subject=policy.subject, caller=caller)
        if not command.dry_run:
            await desk.change(event, lambda: desk.overrides.lift(name, caller))
        return {"policy": name, "caller": caller, "lifted": True}

    _give(context, _within(context, work), f"the override of {name} is lifted")


def _within(context: typer.Context, work: Callable[[Desk], Awaitable[T]]) -> T:
    async def run_it(run: Run) -> T:
        return await work(await Desk.of(run))

    own = load(RateLimitSettings)
    patient = own.model_copy(update={"redis_timeout": max(own.redis_timeout, PATIENCE)})
    with ratelimit_settings.override(patient):
        return Command.of(context).run(run_it)


def _give(context: typer.Context, answer: dict[str, Any], text: str) -> None:
    Command.of(context).give({**answer, "changed": True}, text)


def _whom(whom: Whom, *, everybody: bool) -> Whom:
    if whom.named is everybody:
        raise InvalidInput("say who: --user, --address or --key, or else --everybody")
    return whom


def _limits(written: Sequence[str] | None) -> tuple[Limit, ...]:
    try:
        return limits(*written) if written else ()
    except SetupError as error:
        raise InvalidInput(error.message, code="invalid_limit") from None


def _seconds(span: str | None) -> int | None:
    return None if span is None else int(span_of(span).total_seconds())
