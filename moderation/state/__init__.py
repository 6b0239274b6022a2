"""What the sidecar remembers between posts: windows, the follow graph, and how both survive a restart."""

from moderation.state.keyring import Keyring
from moderation.state.platform import PlatformState
from moderation.state.windows import MemoryWindowStore, WindowStore

__all__ = ["Keyring", "MemoryWindowStore", "PlatformState", "WindowStore"]
