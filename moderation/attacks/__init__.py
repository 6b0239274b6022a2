"""The room where a text is changed as an adversary, or an unusual honest writer, would change it."""

from moderation.attacks.attack import Attack
from moderation.attacks.benign import BENIGN, BenignSuite
from moderation.attacks.benign_changes import BENIGN_CHANGES
from moderation.attacks.catalogue import ATTACKS, TRAINING_ATTACKS, attack_named
from moderation.attacks.framing import SPLITS, Split, split_over_posts

__all__ = [
    "ATTACKS",
    "BENIGN",
    "BENIGN_CHANGES",
    "SPLITS",
    "TRAINING_ATTACKS",
    "Attack",
    "BenignSuite",
    "Split",
    "attack_named",
    "split_over_posts",
]
