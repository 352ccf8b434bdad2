"""A HotQueue that loses no job: delivery at least once, on the same Redis key as the stock queue.

A message is always in exactly one list: waiting, in the hands of one worker, or dead.

    hotqueue:<name>                      list, waiting; stock HotQueue producers put here too
    hotqueue:<name>:processing:<worker>  list, what that worker has in hand
    hotqueue:<name>:workers              sorted set, worker -> end of its lease, by Redis's clock
    hotqueue:<name>:dead                 list, messages that are not tried again

A message is {"id": ...}, and of a job of a named data set {"id": ..., "data_set": ...}.

A worker `claim`s a message, works, and `finish`es it; while more are waiting it claims the next in
the same round trip. `beat` renews its lease meanwhile. `reap` gives the messages of workers whose
lease ran out to others; what such a worker finishes later is ignored. The inherited `get`,
`consume` and `worker` still deliver at most once; nothing here uses them.
"""

import os
import socket
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import orjson
from hotqueue import HotQueue
from redis import Redis

from app import queue_scripts
from app.settings import Settings
from app.store import COUNTERS, Keys, Status, timestamp

FORGET = 3600.0
"""Seconds after its lease until a worker's name is dropped. A message can reach the list of a
worker whose lease just ended; while the name is known, that message is found."""


class Json:
    """HotQueue's serializer interface; never pickle, which runs what anyone puts into Redis."""

    @staticmethod
    def dumps(message: object) -> bytes:
        """A message as JSON bytes."""
        return orjson.dumps(message)

    @staticmethod
    def loads(raw: bytes) -> object:
        """The message in JSON bytes; raises orjson.JSONDecodeError."""
        return orjson.loads(raw)


Products = Mapping[str, str | bytes]
"""What a job made, by the names of the fields of its record."""


class _Script(Protocol):
    def __call__(self, keys: Sequence[str], args: Sequence[object]) -> Any: ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message in this worker's hands, with the fields of its record that were asked for."""

    raw: bytes
    job_id: str
    keys: Keys
    fields: Mapping[str, str | None]


def worker_name() -> str:
    """A name that no other worker has, and that tells where the worker runs."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"


class JobQueue(HotQueue):  # type: ignore[misc]  # hotqueue ships no type information
    """The queue of job ids. Times are in seconds; any method can raise redis.RedisError."""

    def __init__(self, redis: Redis, settings: Settings, *, worker: str = "") -> None:
        super().__init__(
            settings.queue_name, serializer=Json, connection_pool=redis.connection_pool
        )
        self.redis = redis
        self.worker_name = worker
        self._settings = settings
        self.processing = f"{self.key}:processing:{worker}"
        self.workers = f"{self.key}:workers"
        self.dead = f"{self.key}:dead"
        self._lists = [self.processing, self.key, self.workers, self.dead]
        self._take = self._script(queue_scripts.TAKE)
        self._finish = self._script(queue_scripts.FINISH)
        self._finish_and_take = self._script(queue_scripts.FINISH_AND_TAKE)
        self._beat = self._script(queue_scripts.BEAT)
        self._reap = self._script(queue_scripts.REAP)

    def encode(self, job_id: str, data_set: str = "") -> bytes:
        """The message for a job; whoever saves the record pushes it in the same transaction."""
        return Json.dumps({"id": job_id} | ({"data_set": data_set} if data_set else {}))

    def claim(self, fields: Sequence[str]) -> Delivery | None:
        """Take the next message and set its record in progress; None after `block` without one.

        A message without a record is dropped (its job was deleted); one that is no job is buried.
        """
        found = self._take(keys=self._lists, args=[*self._claimant(), *fields])
        if found is None and self._wait():
            found = self._take(keys=self._lists, args=[*self._claimant(), *fields])
        return _delivery(found, fields)

    def finish(self, delivery: Delivery, status: Status, products: Products) -> bool:
        """Write the outcome and acknowledge the message in one script.

        False, and nothing written: the message went to another worker, or the job was deleted.
        """
        return bool(
            self._finish(
                keys=[delivery.keys.record(delivery.job_id), self.processing, COUNTERS],
                args=[delivery.raw, timestamp(), status, *_pairs(products)],
            )
        )

    def finish_and_claim(
        self, delivery: Delivery, status: Status, products: Products, fields: Sequence[str]
    ) -> tuple[bool, Delivery | None]:
        """What `finish` and then `claim` return, in one script; does not wait for a message."""
        done, found = self._finish_and_take(
            keys=[*self._lists, delivery.keys.record(delivery.job_id), COUNTERS],
            args=[
                *self._claimant(),
                len(fields),
                *fields,
                delivery.raw,
                status,
                *_pairs(products),
            ],
        )
        return bool(done), _delivery(found, fields)

    def beat(self) -> None:
        """Renew this worker's lease."""
        self._beat(keys=[self.workers], args=[self.worker_name, self._settings.queue_lease])

    def reap(self) -> int:
        """Take the messages of workers whose lease ran out; returns how many there were.

        A message that was handed out too often is buried and its job failed, with the reason.
        """
        return int(
            self._reap(
                keys=[self.workers, self.key, self.dead, COUNTERS],
                args=[
                    f"{self.key}:processing:",
                    self._settings.queue_max_deliveries,
                    timestamp(),
                    Status.FAILED,
                    FORGET,
                ],
            )
        )

    def retire(self) -> None:
        """Give back what is in hand, at the head of the queue, and leave the list of workers."""
        while self.redis.lmove(self.processing, self.key, "RIGHT", "LEFT") is not None:
            pass
        self.redis.zrem(self.workers, self.worker_name)

    def in_progress(self) -> int:
        """How many messages are in the hands of workers."""
        names = cast("list[bytes]", self.redis.zrange(self.workers, 0, -1))
        pipe = self.redis.pipeline(transaction=False)
        for name in names:
            pipe.llen(f"{self.key}:processing:{name.decode()}")
        return sum(pipe.execute())

    def _claimant(self) -> tuple[object, ...]:
        """Who takes a message, and what its record says of that."""
        lease = self._settings.queue_lease
        return self.worker_name, lease, timestamp(), Status.IN_PROGRESS

    def _wait(self) -> bool:
        """Whether a message came into this worker's hands within the block time."""
        block: Any = self._settings.queue_block  # Redis takes fractions, redis-py's types do not
        return self.redis.blmove(self.key, self.processing, block, "LEFT", "RIGHT") is not None

    def _script(self, source: str) -> _Script:
        return cast("_Script", self.redis.register_script(source))


def _pairs(products: Products) -> list[str | bytes]:
    return [part for pair in products.items() for part in pair]


def _delivery(found: Any, fields: Sequence[str]) -> Delivery | None:
    """What the script that takes a message returned."""
    if not found:
        return None
    raw, job_id, name, *values = found
    texts = [value.decode() if value is not None else None for value in values]
    return Delivery(
        raw, job_id.decode(), Keys(name.decode()), dict(zip(fields, texts, strict=True))
    )
