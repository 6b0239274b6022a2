"""Clusters accounts with similar words, because a bot and the person it imitates must not be split."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping

from networkx.utils import UnionFind

_WORD = re.compile(r"\w+")
_AS_NEAR = 0.8


def words_of(text: str) -> set[str]:
    """Return the distinct lower-case words of *text*."""
    return set(_WORD.findall(text.lower()))


def imitation_clusters(words: Mapping[str, Counter[str]], machines: set[str]) -> dict[str, str]:
    """Return the name of the cluster of each account: each bot is joined with the accounts of the most similar words.

    *words* counts, per account, the posts that contain a word. A bot is joined to the account of the highest TF-IDF
    cosine, and to every human account of at least 0.8 times that cosine (some bots imitate two people).
    """
    vectors = _tf_idf(words)
    clusters = UnionFind(vectors)
    for machine in sorted(machines):
        others = {name: _cosine(vectors[machine], vectors[name]) for name in sorted(vectors) if name != machine}
        if not others:
            continue
        nearest = max(others, key=lambda name: (others[name], name))
        clusters.union(machine, nearest)
        for name, cosine in others.items():
            if name not in machines and cosine >= _AS_NEAR * others[nearest]:
                clusters.union(machine, name)
    return {name: str(clusters[name]) for name in sorted(vectors)}


def _tf_idf(words: Mapping[str, Counter[str]]) -> dict[str, dict[str, float]]:
    accounts_with: Counter[str] = Counter()
    for counts in words.values():
        accounts_with.update(counts.keys())
    vectors = {}
    for name, counts in words.items():
        vector = {
            word: (1 + math.log(count)) * math.log(len(words) / accounts_with[word]) for word, count in counts.items()
        }
        norm = math.sqrt(sum(weight * weight for weight in vector.values())) or 1.0
        vectors[name] = {word: weight / norm for word, weight in vector.items()}
    return vectors


def _cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    if len(other) < len(one):
        one, other = other, one
    return sum(weight * other.get(word, 0.0) for word, weight in one.items())
