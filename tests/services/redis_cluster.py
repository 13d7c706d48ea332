"""A Redis Cluster for tests: three primaries, and with `replicas` one replica of each."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import redis

from tests.services.process import ServiceError, free_port, listens
from tests.services.redis import redis_at

SLOTS = 16384
PRIMARIES = 3
START_SECONDS = 90

CONFIGURATION = """
cluster-enabled yes
cluster-node-timeout 1000
cluster-require-full-coverage no
cluster-replica-validity-factor 0
"""


class RedisCluster:
    """A running Cluster, and the means to disturb it."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.ports = ports

    @property
    def url(self) -> str:
        """The address of all of it."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def ask(self, port: int, *command: str | int) -> Any:
        """The reply of one server."""
        with redis.Redis(port=port, decode_responses=True) as client:
            return client.execute_command(*command)

    def process(self, port: int) -> int:
        """The number of its process."""
        with redis.Redis(port=port) as client:
            return int(client.info("server")["process_id"])

    def name(self, port: int) -> str:
        """What the servers call that one."""
        return str(self.ask(port, "CLUSTER", "MYID"))

    def holder(self, slot: int) -> int:
        """The port of the primary that holds it, as was laid out at the start."""
        return self.ports[slot * PRIMARIES // SLOTS]

    def move(self, slot: int, port: int) -> None:
        """Give an empty slot to another primary."""
        for each in (port, *self.ports[:PRIMARIES]):
            self.ask(each, "CLUSTER", "SETSLOT", slot, "NODE", self.name(port))

    def begin_to_move(self, slot: int, port: int) -> None:
        """Have its primary hand it to another one, key by key; `move` ends that."""
        holder = self.holder(slot)
        self.ask(port, "CLUSTER", "SETSLOT", slot, "IMPORTING", self.name(holder))
        self.ask(holder, "CLUSTER", "SETSLOT", slot, "MIGRATING", self.name(port))

    def flush(self) -> None:
        """Empty it."""
        for port in self.ports[:PRIMARIES]:
            self.ask(port, "FLUSHALL")


@contextlib.contextmanager
def redis_cluster(*, replicas: bool = False) -> Iterator[RedisCluster]:
    """Run a Cluster while the block runs."""
    ports = _ports(2 * PRIMARIES if replicas else PRIMARIES)
    with contextlib.ExitStack() as stack:
        for port in ports:
            stack.enter_context(redis_at(port, CONFIGURATION))
        cluster = RedisCluster(ports)
        _join(cluster)
        yield cluster


def _ports(count: int) -> list[int]:
    """Free ones; Cluster needs besides each the one 10,000 above."""
    found: list[int] = []
    while len(found) < count:
        port = free_port()
        if port < 55_000 and port not in found and not listens(port + 10_000):
            found.append(port)
    return found


def _join(cluster: RedisCluster) -> None:
    first, *others = cluster.ports
    for number, port in enumerate(cluster.ports[:PRIMARIES]):
        slots = [slot for slot in range(SLOTS) if slot * PRIMARIES // SLOTS == number]
        cluster.ask(port, "CLUSTER", "ADDSLOTS", *slots)
        cluster.ask(port, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
    for port in others:
        cluster.ask(port, "CLUSTER", "MEET", "127.0.0.1", first)
    for port in cluster.ports:
        _await(lambda port=port: _knows(cluster, port, len(cluster.ports)))  # type: ignore[misc]
    for port, primary in zip(cluster.ports[PRIMARIES:], cluster.ports, strict=False):
        cluster.ask(port, "CLUSTER", "REPLICATE", cluster.name(primary))
    for port in cluster.ports[PRIMARIES:]:
        _await(lambda port=port: cluster.ask(port, "ROLE")[3] == "connected")  # type: ignore[misc]


def _knows(cluster: RedisCluster, port: int, servers: int) -> bool:
    with redis.Redis(port=port, decode_responses=True) as client:
        state = client.execute_command("CLUSTER INFO")
    return bool(
        state["cluster_state"] == "ok"
        and int(state["cluster_known_nodes"]) == servers
        and int(state["cluster_slots_assigned"]) == SLOTS
    )


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise ServiceError("the Cluster did not come together")
        time.sleep(0.05)
