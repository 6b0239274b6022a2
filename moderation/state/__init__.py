"""The state between posts: windows, the follow graph, and their snapshots."""

from moderation.state.keyring import Keyring
from moderation.state.memory_windows import MemoryWindowStore
from moderation.state.platform import GRAPH_EPOCH_S, PlatformState
from moderation.state.windows import WindowStore

__all__ = ["GRAPH_EPOCH_S", "Keyring", "MemoryWindowStore", "PlatformState", "WindowStore"]
