"""A platform's own record shapes: expressions that find our fields in them, and a first guess at these."""

from moderation.mapping.field_mapping import (
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

__all__ = ["KINDS", "TIMES", "TYPE", "VERSION", "WHEN", "FieldMapping", "FieldPath", "Kind", "Mapped", "RecordInfo"]
