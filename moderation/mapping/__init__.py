"""Maps the record formats of platforms by expressions, and proposes a mapping for unknown records."""

from moderation.mapping.field_mapping import (
    DURATIONS,
    KINDS,
    TIMES,
    TYPE,
    VERSION,
    WHEN,
    FieldMapping,
    FieldPath,
    Kind,
    Mapped,
    RecordInfo,
)

__all__ = [
    "DURATIONS",
    "KINDS",
    "TIMES",
    "TYPE",
    "VERSION",
    "WHEN",
    "FieldMapping",
    "FieldPath",
    "Kind",
    "Mapped",
    "RecordInfo",
]
