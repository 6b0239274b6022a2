"""Reads the real metadata of a directory and computes every table about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from moderation.checksum import sha256_of
from moderation.lab.evaluation.signals.accounts import friendships, profiles, separation, trust_graph
from moderation.lab.evaluation.signals.keystrokes import ranges, real_typing, unusual_shares
from moderation.lab.evaluation.signals.tables import Table, read_table
from moderation.lab.evaluation.signals.unusual import p_values_of, shares_at_most
from moderation.risk.model import BundledRiskModel

KEYSTROKES = "keystrokes_free_text_users00-39.csv.zst"
PROFILES = {
    "bought followers": ("mib_fake_followers__users.csv.zst", "mib_fake_followers__fusers.csv.zst"),
    "Twitter bots": ("kaggle_twitter_bots__nonbots_data.csv.zst", "kaggle_twitter_bots__bots_data.csv.zst"),
}
"""Genuine and automated accounts of each set."""
GRAPHS = {
    "music listeners": ("social_graphs_benign__deezer_europe_edges.csv.zst", ("node_1", "node_2")),
    "streamers": ("social_graphs_benign__ENGB_edges.csv.zst", ("from", "to")),
}
"""Friendship graphs of ordinary accounts, and the columns of their edges."""
TRUST = "bitcoin_otc_trust__soc-sign-bitcoinotc.csv.zst"
_KEYS = ("user", "session", "keyname", "timepress")
_PROFILE = ("id", "created_at", "followers_count", "friends_count", "statuses_count")
_RATING = ("FROM_NODE", "TO_NODE", "TRUST_INDEX")


def measured(data_dir: Path, model: BundledRiskModel) -> dict[str, Any]:
    """Return the figures of a bundle on the real metadata in *data_dir*. Raises InputError when a file is missing."""
    files: dict[str, str] = {}

    def table(name: str, columns: tuple[str, ...]) -> Table:
        found = read_table(data_dir / name, columns)
        files[name] = sha256_of(data_dir / name)
        return found

    typing = real_typing(table(KEYSTROKES, _KEYS))
    graphs = {}
    for name, (file, columns) in GRAPHS.items():
        edges = table(file, columns)
        p_values = p_values_of(friendships([edges[column] for column in columns]), "graph", model)
        graphs[name] = {"accounts": len(p_values), "share_at_most": shares_at_most(p_values)}
    sets = {
        name: separation(profiles(table(genuine, _PROFILE), table(automated, _PROFILE)), "account", model)
        for name, (genuine, automated) in PROFILES.items()
    }
    return {
        "risk_bundle": model.manifest_hash,
        "p_family": model.manifest.p_family,
        "typing": {
            "people the simulator was widened for": unusual_shares(typing.of(0), model),
            "held-out people": unusual_shares(typing.of(1), model),
            "ranges": ranges(typing.of(1), model),
        },
        "friendship graphs": graphs,
        "account": sets,
        "graph": {"rated traders": separation(trust_graph(table(TRUST, _RATING)), "graph", model)},
        "files": files,
    }
