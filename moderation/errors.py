"""Every error a user can meet, and the exit code that the command ends with."""

from __future__ import annotations


class ModerationError(Exception):
    """A failure with a sentence for the user: what is wrong and what to do about it."""

    exit_code = 1


class SettingsError(ModerationError):
    """The settings, or the arguments of a command, cannot be used as they are."""

    exit_code = 2


class InputError(ModerationError):
    """A file or stream that the user named cannot be read as what it should be."""

    exit_code = 2


class BundleError(ModerationError):
    """A model bundle is missing, damaged, of another version, or contradicts its manifest."""

    exit_code = 3


class ConnectionLost(ModerationError):
    """A server does not answer. Transient: trying again can help."""

    exit_code = 4


class FencedError(ModerationError):
    """Another sidecar has taken over this work; this one must stop and write nothing more."""

    exit_code = 5


class PositionError(ModerationError):
    """The log no longer is what the ledger knows: a recreated topic or an offset out of range."""

    exit_code = 6


class RecordsExpired(PositionError):
    """The log no longer holds the next record to read; a new start finds out whether that may be passed over."""


class DetectorOverdue(ModerationError):
    """The detector did not finish a call before its deadline; a smaller call, or a restart, scores its texts again."""

    exit_code = 7
