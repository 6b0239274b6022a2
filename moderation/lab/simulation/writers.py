"""Supplies what simulated accounts write: the texts of one person, or of one generator."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from typing import Literal, NamedTuple

import numpy as np

from moderation.errors import InputError
from moderation.lab.simulation.posting_times import how_many

Writing = Literal["general", "second_language", "formal", "paired"]
"""Groups of human writers. Paired: human texts of a source that also has machine texts, of several writers."""
PAIRED_SHARE = 0.2
"""Share of general accounts that write paired texts: they control for what a source gives away, beside its label."""


class Written(NamedTuple):
    """A text and the community where it was published."""

    text: str
    community: str


class WriterPool:
    """People with their texts in time order, and by source the texts of generators and human texts beside them.

    A source with one label only is excluded, because it would reveal the label.
    """

    def __init__(
        self,
        texts: Iterable[tuple[str, str | None, str]],
        people: Mapping[Writing, Sequence[Sequence[Written]]] | None = None,
        personas: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Store *texts* as (source, generator or None, text), in a fixed order, and the texts of each person.

        *personas* are machine texts written as a casual user, as (source, text). Raises InputError if no source has
        both labels.
        """
        human: dict[str, list[str]] = defaultdict(list)
        machine: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for source, generator, text in texts:
            (human[source] if generator is None else machine[source][generator]).append(text)
        both = sorted(human.keys() & machine.keys())
        if not both:
            raise InputError(
                "No source of the texts has both labels: give human texts (label 0) and machine texts (label 1) "
                "of at least one source."
            )
        self._human = {source: tuple(human[source]) for source in both}
        self._machine = {source: tuple(tuple(machine[source][name]) for name in machine[source]) for source in both}
        rarer = {s: min(len(human[s]), sum(map(len, self._machine[s]))) ** 0.5 for s in both}
        self._sources = {source: rarer[source] / sum(rarer.values()) for source in both}
        self._people = dict(people or {})
        self._personas: dict[str, list[str]] = defaultdict(list)
        for source, text in personas:
            if source in self._sources:
                self._personas[source].append(text)

    def with_people(self, people: Mapping[Writing, Sequence[Sequence[Written]]]) -> WriterPool:
        """Return a pool with the same texts and these people."""
        other = copy(self)
        other._people = dict(people)
        return other

    def without_people(self, begun: Collection[str]) -> WriterPool:
        """Return a pool without the people whose first text is one of these."""
        return self.with_people(
            {name: [one for one in some if one[0].text not in begun] for name, some in self._people.items()}
        )

    def sources(self, *, persona: bool = False) -> Mapping[str, float]:
        """Return the probability of each source with both labels, by the square root of its rarer label.

        With *persona*, of those that have such texts; of all where none has.
        """
        if not persona or not self._personas:
            return self._sources
        total = sum(self._sources[source] for source in self._personas)
        return {source: share / total for source, share in self._sources.items() if source in self._personas}

    def assigned(
        self, rng: np.random.Generator, writings: Sequence[Writing], cap: int
    ) -> list[tuple[Writing, list[Written]]]:
        """Return group and texts of each genuine account, at most *cap* texts; a person is used once while possible."""
        order = {name: rng.permutation(len(people)) for name, people in self._people.items()}
        used: dict[Writing, int] = defaultdict(int)
        found: list[tuple[Writing, list[Written]]] = []
        for writing in writings:
            if writing == "general" and rng.random() < PAIRED_SHARE:
                writing = "paired"
            if not self._people.get(writing):
                found.append(("paired", self._from_one_source(rng, cap)))
                continue
            person = self._people[writing][order[writing][used[writing] % len(order[writing])]]
            used[writing] += 1
            found.append((writing, list(person[:cap])))
        return found

    def campaign(
        self, rng: np.random.Generator, source: str, n: int, machine_share: float, *, persona: bool = False
    ) -> list[Written]:
        """Return *n* texts of a campaign's account: of one generator or persona, and human texts of the same source.

        The source is their community, as it is for paired texts.
        """
        voices = self._machine[source]
        voice: Sequence[str] = voices[int(rng.integers(len(voices)))]
        if persona:
            voice = self._personas.get(source) or voice
        human = self._human[source]
        machine = rng.random(n) < machine_share
        return [
            Written(
                voice[int(rng.integers(len(voice)))] if by_machine else human[int(rng.integers(len(human)))], source
            )
            for by_machine in machine.tolist()
        ]

    def all_texts(self) -> list[str]:
        """Return every text of the pool."""
        texts = [text for some in self._human.values() for text in some]
        texts += [text for voices in self._machine.values() for voice in voices for text in voice]
        return texts + [text for people in self._people.values() for person in people for text, _ in person]

    def _from_one_source(self, rng: np.random.Generator, cap: int) -> list[Written]:
        source = str(rng.choice(list(self._sources), p=list(self._sources.values())))
        texts = self._human[source]
        return [Written(texts[int(number)], source) for number in rng.integers(len(texts), size=how_many(rng, cap))]
