"""The pods of a run: whose record is next, and when all are over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from pytest_k8s_job.run.shard import Place, Shard

__all__ = ["Shards"]


class Shards:
    """All pods of a run; the leader is the one whose plan becomes the session's."""

    def __init__(self, session: pytest.Session) -> None:
        self.leader: Shard | None = None
        self.sent_files = ""
        """Digest of the files that all pods must run; nothing if the image has them."""
        self._session = session
        self._shards: list[Shard] = []

    def __iter__(self) -> Iterator[Shard]:
        return iter(tuple(self._shards))

    def __len__(self) -> int:
        return len(self._shards)

    def add(self, place: Place) -> Shard:
        """Add the pod at `place`."""
        shard = Shard(place, self._session)
        shard.ledger.sent_files = self.sent_files
        if self.leader is not None and self.leader.planned:
            shard.replay.follow(self.leader.replay)
        self._shards.append(shard)
        return shard

    def lead(self, leader: Shard) -> None:
        """Let `leader` say what is said once for all shards."""
        self.leader = leader
        for shard in self:
            if shard is not leader:
                shard.replay.follow(leader.replay)

    @property
    def planned(self) -> bool:
        """True if the leader's plan has become the session's."""
        return self.leader is not None and self.leader.planned

    @property
    def lines(self) -> list[str]:
        """What plugins in the pod said after collection."""
        return self.leader.replay.lines if self.leader is not None else []

    @property
    def over(self) -> bool:
        """True if nothing more will come, or what will come cannot be shown."""
        leader = self.leader
        lost = leader is not None and leader.over and not (leader.planned or leader.records)
        return lost or all(shard.over for shard in self)

    def attempts(self, number: int) -> int:
        """Return how many pods the shard `number` has had."""
        return sum(shard.place.number == number for shard in self)

    def replay_one(self) -> bool:
        """Replay the next record that may be shown; False if there is none."""
        for shard in self if self.planned else self._leaders():
            if shard.records:
                shard.replay.feed(shard.records.popleft())
                return True
        return False

    def _leaders(self) -> Sequence[Shard]:
        first = next((shard for shard in self if shard.records), None)
        if self.leader is None and first is not None:
            self.lead(first)
        return [self.leader] if self.leader is not None else []
