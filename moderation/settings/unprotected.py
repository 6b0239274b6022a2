"""Connections to other machines that are not encrypted or not verified, as warnings."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

VERIFIED = ("verify-ca", "verify-full")
URL = re.compile(r"[^:/]+://(?:.*@)?(?P<host>\[[^]/]*\]|[^:/?]*)[^?]*(?:\?(?P<query>.*))?")
LOCAL = ("", "localhost", "::1")


def of_database(url: str) -> Iterator[str]:
    """Yield a warning where the server of the database is remote and its certificate is not verified."""
    found = _host_and_query(url)
    if found is None or not url.startswith("postgres"):
        return
    host, query = found
    host = query.get("hostaddr", query.get("host", host))
    mode = query.get("sslmode", os.environ.get("PGSSLMODE", "prefer"))
    if not _is_local(host) and mode not in VERIFIED and "service" not in query:
        yield (
            f"the connection to the database on {host} does not verify the server (sslmode {mode}): add "
            "sslmode=verify-full and sslrootcert to database_url"
        )


def of_redis(url: str) -> Iterator[str]:
    """Yield a warning where the server of the state is remote and its certificate is not verified."""
    found = _host_and_query(url)
    if found is None:
        return
    host, query = found
    verified = url.startswith("rediss://") and query.get("ssl_cert_reqs", "required") == "required"
    if not (url.startswith("unix://") or verified or _is_local(host)):
        yield (
            f"the connection to Redis on {host} is not encrypted or does not verify the server: write rediss:// and "
            "ssl_ca_certs in state.redis_url, and leave out ssl_cert_reqs"
        )


def _host_and_query(url: str) -> tuple[str, dict[str, str]] | None:
    """Return the host and the options of a URL; None where it cannot be read, which is reported when it is opened."""
    found = URL.fullmatch(url)
    if found is None:
        return None
    options = (option.partition("=") for option in (found["query"] or "").split("&"))
    return found["host"].strip("[]"), {name: value.replace("%2F", "/") for name, _, value in options}


def _is_local(host: str) -> bool:
    return host in LOCAL or host.startswith(("/", "127."))
