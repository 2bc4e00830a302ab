"""How much one push may ask of the server."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from hub_server.git.errors import BadPack, ObjectTooLarge, PushTooLarge


@dataclass(frozen=True, slots=True)
class ReceiveLimits:
    """Sizes in bytes. `inflated_factor` times the bytes received plus `inflated_slack` bounds
    what all objects together may be when unpacked."""

    objects: int = 2_000_000
    object_size: int = 100_000_000
    chain_depth: int = 4096
    body: int = 10_000_000_000
    inflated_factor: int = 20
    inflated_slack: int = 1_000_000_000
    seconds: float = 1800
    memory: int = 2 << 30


@dataclass(slots=True)
class Meter:
    """Counts one push against its limits; every method raises when a limit is crossed."""

    limits: ReceiveLimits
    received: int = 0
    inflated: int = 0
    deadline: float = field(init=False)

    def __post_init__(self) -> None:
        self.deadline = time.monotonic() + self.limits.seconds

    def on_received(self, size: int) -> None:
        self.received += size
        if self.received > self.limits.body:
            raise PushTooLarge("The push is larger than {limit} bytes", limit=self.limits.body)
        self.check_time()

    def on_count(self, count: int) -> None:
        if count > self.limits.objects:
            raise PushTooLarge(
                "The push holds {count} objects, the limit is {limit}; push in several steps",
                count=count,
                limit=self.limits.objects,
            )

    def on_declared(self, size: int) -> None:
        """An object, or a delta, says how large it is."""
        if size > self.limits.object_size:
            raise ObjectTooLarge(size, self.limits.object_size)

    def on_result(self, size: int) -> None:
        """What an object will be once its delta is applied."""
        self.on_declared(size)
        self.inflated += size
        allowed = self.limits.inflated_factor * self.received + self.limits.inflated_slack
        if self.inflated > allowed:
            raise PushTooLarge(
                "The objects of this push unpack to more than {limit} bytes", limit=allowed
            )

    def on_depth(self, depth: int) -> None:
        if depth > self.limits.chain_depth:
            raise BadPack(
                "The pack holds a chain of more than {limit} deltas; repack with a smaller --depth",
                limit=self.limits.chain_depth,
            )

    def check_time(self) -> None:
        if self.seconds_left() <= 0:
            raise PushTooLarge(
                "The push took more than {seconds} seconds", seconds=int(self.limits.seconds)
            )

    def seconds_left(self) -> float:
        return self.deadline - time.monotonic()
