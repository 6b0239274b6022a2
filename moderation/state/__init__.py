"""The state between posts: accounts, their scores, shared windows, the follow graph, and their journal on disk."""

from moderation.state.coverage import Coverage
from moderation.state.keyed import PostSeen, Storage
from moderation.state.keyring import Keyring
from moderation.state.platform import GRAPH_EPOCH_S, MAX_EDGES, PlatformState, has_saved

__all__ = ["GRAPH_EPOCH_S", "MAX_EDGES", "Coverage", "Keyring", "PlatformState", "PostSeen", "Storage", "has_saved"]
