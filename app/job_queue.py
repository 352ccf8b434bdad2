"""A HotQueue that loses no job: delivery at least once, on the same Redis key as the stock queue.

A message is always in exactly one list: waiting, in the hands of one worker, or dead.

    hotqueue:<name>                      list, waiting; stock HotQueue producers put here too
    hotqueue:<name>:processing:<worker>  list, what that worker has in hand
    hotqueue:<name>:workers              sorted set, worker -> end of its lease, by Redis's clock
    hotqueue:<name>:dead                 list, messages that are not tried again

A message is {"id": ...}, and of a job of a named data set {"id": ..., "data_set": ...}.

A worker `claim`s a message, works, and `finish`es it; `beat` renews its lease meanwhile. `reap`
gives the messages of workers whose lease ran out to others; what such a worker finishes later is
ignored. The inherited `get`, `consume` and `worker` still deliver at most once; nothing here uses
them.
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
from app.store import COUNTERS, DEFAULT, Keys, Status, is_name, timestamp

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
        self._start = self._script(queue_scripts.START)
        self._finish = self._script(queue_scripts.FINISH)
        self._beat = self._script(queue_scripts.BEAT)
        self._reap = self._script(queue_scripts.REAP)

    def encode(self, job_id: str, data_set: str = "") -> bytes:
        """The message for a job; whoever saves the record pushes it in the same transaction."""
        return Json.dumps({"id": job_id} | ({"data_set": data_set} if data_set else {}))

    def claim(self, fields: Sequence[str]) -> Delivery | None:
        """Take the next message and set its record in progress; None after `block` without one.

        A message without a record is dropped (its job was deleted); one that is no job is buried.
        """
        self.beat()
        raw = self._next_message()
        if raw is None:
            return None
        known = _job_of(raw)
        if known is None:
            self._bury(raw)
            return None
        job_id, keys = known
        values = self._start(
            keys=[keys.record(job_id), self.processing],
            args=[raw, self.worker_name, timestamp(), Status.IN_PROGRESS, *fields],
        )
        if values is None:
            return None
        texts = [value.decode() if value is not None else None for value in values[1:]]
        return Delivery(raw, job_id, keys, dict(zip(fields, texts, strict=True)))

    def finish(self, delivery: Delivery, status: Status, fields: Mapping[str, str | bytes]) -> bool:
        """Write the outcome and acknowledge the message in one script.

        False, and nothing written: the message went to another worker, or the job was deleted.
        """
        pairs = [part for pair in fields.items() for part in pair]
        return bool(
            self._finish(
                keys=[delivery.keys.record(delivery.job_id), self.processing, COUNTERS],
                args=[delivery.raw, status, timestamp(), *pairs],
            )
        )

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

    def _next_message(self) -> bytes | None:
        parked = self.redis.lindex(self.processing, 0)  # its reply was lost with a connection
        if parked is not None:
            return cast("bytes", parked)
        block: Any = self._settings.queue_block  # Redis takes fractions, redis-py's types do not
        moved = self.redis.blmove(self.key, self.processing, block, "LEFT", "RIGHT")
        return cast("bytes | None", moved)

    def _bury(self, raw: bytes) -> None:
        pipe = self.redis.pipeline(transaction=True)
        pipe.lrem(self.processing, 1, cast("str", raw))
        pipe.rpush(self.dead, raw)
        pipe.execute()

    def _script(self, source: str) -> _Script:
        return cast("_Script", self.redis.register_script(source))


def _job_of(raw: bytes) -> tuple[str, Keys] | None:
    try:
        message: Any = Json.loads(raw)
        job_id, name = message["id"], message.get("data_set")
        if str(uuid.UUID(job_id)) != job_id or not (name is None or is_name(name)):
            return None
        return job_id, DEFAULT if name is None else Keys(name)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
