"""Partitions of a real broker that are paused and resumed: none stands still."""

from __future__ import annotations

import time

from kafka import KafkaProducer

from moderation.effects import Partition
from tests.integration.kafka_sources import Topics, fill, read, settings, source


def test_a_paused_partition_waits_and_goes_on(kafka_broker: str, topics: Topics) -> None:
    topic = topics(2)
    with source(settings(kafka_broker, topic)) as opened:
        held = opened.partitions()[0]
        opened.pause([held])
        fill(kafka_broker, topic, 60)
        others = sum(end for partition, (_, end) in opened.bounds().items() if partition != held)
        assert {origin.partition for origin in read(opened, others)} == set(opened.partitions()) - {held}
        opened.resume([held])
        assert {origin.partition for origin in read(opened, 60 - others)} == {held}


def test_a_partition_that_is_resumed_during_a_rebalance_goes_on(kafka_broker: str, topics: Topics) -> None:
    topic = topics(2)
    with source(settings(kafka_broker, topic)) as opened:
        held = opened.partitions()[:1]
        opened.pause(held)
        opened.poll(50)
        assigned = opened._consumer.assignment()
        opened.note_rebalance()
        opened.resume(held)
        opened.reposition(assigned)  # the same partitions as before: the client still has one of them paused
        fill(kafka_broker, topic, 60)
        assert {origin.partition for origin in read(opened, 60)} == set(opened.partitions())


def test_partitions_that_are_paused_and_resumed_deliver_every_record(kafka_broker: str, topics: Topics) -> None:
    topic, count, most = topics(4), 24_000, 1_500
    producer = KafkaProducer(bootstrap_servers=kafka_broker, linger_ms=50, batch_size=1 << 18)
    for number in range(count):
        producer.send(topic, value=b"x" * 1000, partition=number % 4)
    producer.flush(timeout=60)
    producer.close()
    with source(settings(kafka_broker, topic)) as opened:
        opened.bounds()
        waiting, found, paused = dict.fromkeys(opened.partitions(), 0), 0, set[Partition]()
        deadline = time.monotonic() + 120
        while found < count:
            assert time.monotonic() < deadline, f"{found} of {count} records"
            for record in opened.poll(20):
                waiting[record.partition] += 1
                found += 1
            full = {partition for partition, held in waiting.items() if held >= most}
            opened.pause(full)
            opened.resume(paused - full)
            paused = full
            if all(waiting[partition] for partition in opened.unread()):  # the merge takes from all of them
                for partition in waiting:
                    waiting[partition] = max(0, waiting[partition] - (100 if partition.partition else 300))
        assert opened.unread() == set()
