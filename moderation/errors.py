"""The errors that are reported to users, with the exit code of the command."""

from __future__ import annotations


class ModerationError(Exception):
    """A failure with an error message for the user: what is wrong and what to do."""

    exit_code = 1


class SettingsError(ModerationError):
    """The settings or the arguments of a command are invalid."""

    exit_code = 2


class InputError(ModerationError):
    """A file or stream that the user named cannot be read."""

    exit_code = 2


class BundleError(ModerationError):
    """A model bundle is missing, damaged, of another version, or does not match its manifest."""

    exit_code = 3


class DatabaseUnusable(InputError):
    """The file of the database is damaged or cannot be written."""


class ConnectionLost(ModerationError):
    """A server does not answer. Transient: a retry can succeed."""

    exit_code = 4


class FencedError(ModerationError):
    """Another sidecar has taken over; this one must stop without further writes."""

    exit_code = 5


class PositionError(ModerationError):
    """The log does not match the ledger: a recreated topic or an offset out of range."""

    exit_code = 6


class RecordsExpired(PositionError):
    """The next record to read has expired; a restart determines whether it may be skipped."""


class StateLost(ModerationError):
    """The backend of the state lost rows; they are rebuilt from the log."""

    exit_code = 4


class DetectorOverdue(ModerationError):
    """The detector did not finish a call before its deadline; its texts are scored again in smaller calls."""

    exit_code = 7
