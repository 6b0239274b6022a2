"""The partitions of own slots as a source: assigned by the leases in the database, not by the consumer group."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from kafka import TopicPartition

from connectors.kafka import METADATA_MAX_AGE_MS, KafkaSource
from moderation.effects import Origin, Partition
from moderation.errors import PositionError


class SharedKafkaSource(KafkaSource):
    """Records of the partitions that `seek` names; the consumer group only has the offsets for lag displays."""

    _checked = 0.0

    def seek(self, positions: Mapping[Partition, int]) -> None:
        """Read these partitions, and no others, from these positions."""
        self._next = {TopicPartition(p.topic, p.partition): offset for p, offset in positions.items()}
        self._uncommitted.clear()
        self._consumer.assign(sorted(self._next))
        self.reposition(self._next)

    def await_assignment(self, timeout_s: float) -> None:
        """Do nothing: the partitions are assigned."""

    def poll(self, timeout_ms: int) -> Sequence[Origin]:
        """Return the records fetched since the last call. Raises PositionError when a topic has a new partition."""
        if time.monotonic() - self._checked > METADATA_MAX_AGE_MS / 1000:
            self._checked = time.monotonic()
            for topic in sorted({partition.topic for partition in self._partitions}):
                numbers = self._consumer.partitions_for_topic(topic) or set()
                for number in sorted(numbers):
                    if TopicPartition(topic, number) not in self._by_name:
                        raise PositionError(f"the topic {topic} has a new partition {number}; restart to read it")
        return super().poll(timeout_ms)
