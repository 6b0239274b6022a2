"""What the sidecar remembers between posts: windows, the follow graph, and how both survive a restart."""

from moderation.state.keyring import Keyring
from moderation.state.memory_windows import MemoryWindowStore
from moderation.state.platform import PlatformState
from moderation.state.windows import WindowStore

__all__ = ["Keyring", "MemoryWindowStore", "PlatformState", "WindowStore"]
