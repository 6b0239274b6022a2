"""Looks up the kind of network of an address in a database of the operator, in the format of MaxMind (MMDB)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, cast, get_args

import maxminddb

from moderation.errors import SettingsError
from moderation.events import NetworkKind
from moderation.mapping.expressions import EvaluationError, Expression

log = logging.getLogger(__name__)

KNOWN_NAMES: Mapping[str, NetworkKind] = {
    **{kind: kind for kind in cast(tuple[NetworkKind, ...], get_args(NetworkKind))},
    "cable/dsl": "residential",
    "isp": "residential",
    "cellular": "mobile",
    "college": "campus",
    "education": "campus",
    "school": "campus",
    "university": "campus",
    "content_delivery_network": "hosting",
    "data_center": "hosting",
    "anonymous_vpn": "vpn",
}
"""What databases call these kinds, in lower case."""
FIRST_ADDRESSES = 100
"""Addresses after which the operator is warned, where the database has named the kind of none."""
_MOST_KNOWN = 4_096


class NetworkDatabase:
    """An open database. Other names of kinds than `KNOWN_NAMES` are in *names*, in any case."""

    def __init__(self, file: Path, value: Expression, names: Mapping[str, NetworkKind]) -> None:
        """Open a file. Raises SettingsError where it cannot be read."""
        try:
            self._reader = maxminddb.open_database(file)
        except OSError as error:
            raise SettingsError(f"mapping.network_database {file} cannot be read: {error.strerror}") from None
        except (maxminddb.InvalidDatabaseError, ValueError):
            raise SettingsError(f"mapping.network_database {file} is not an MMDB file") from None
        self._file = file
        self._value = value
        self._names = {**KNOWN_NAMES, **{name.casefold(): kind for name, kind in names.items()}}
        self._looked_up, self._found, self._example = 0, 0, ""
        self.kind_of = lru_cache(maxsize=_MOST_KNOWN)(self._kind_of)

    def _kind_of(self, address: str) -> NetworkKind | None:
        """Return the kind of network of a valid address; None where the database does not name one."""
        kind = self._names.get(self._named(address))
        self._looked_up += 1
        self._found += kind is not None
        if self._looked_up == FIRST_ADDRESSES and not self._found:
            log.warning(
                "%s named the kind of network of none of %d addresses (last value: %s); correct mapping.network_value, "
                "or name its values in mapping.network_kinds",
                self._file,
                FIRST_ADDRESSES,
                self._example or "none",
            )
        return kind

    def _named(self, address: str) -> str:
        try:
            found: Any = self._value.read(self._reader.get(address))
        except (ValueError, maxminddb.InvalidDatabaseError, EvaluationError):
            return ""
        if found is None:
            return ""
        self._example = str(found)
        return self._example.casefold()

    def describe(self) -> str:
        """Return what the database is, for `moderation check`."""
        about = self._reader.metadata()
        return f"{self._file.name}, {about.database_type} of {datetime.fromtimestamp(about.build_epoch, UTC):%Y-%m-%d}"
