"""Changes texts as an adversary or an unusual human writer changes them."""

from moderation.lab.attacks.attack import Attack
from moderation.lab.attacks.benign import BENIGN, BenignSuite
from moderation.lab.attacks.benign_changes import BENIGN_CHANGES
from moderation.lab.attacks.catalogue import ATTACKS, TRAINING_ATTACKS, attack_named
from moderation.lab.attacks.framing import SPLITS, Split, split_over_posts

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
