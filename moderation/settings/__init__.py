"""Every setting of the sidecar in one frozen model, read from `MODERATION_…` variables and one TOML file."""

from moderation.settings.loading import load_settings
from moderation.settings.model import PREFIX, Settings
from moderation.settings.sections import AuditSettings, KafkaSettings, StateSettings

__all__ = ["PREFIX", "AuditSettings", "KafkaSettings", "Settings", "StateSettings", "load_settings"]
