"""`python -m tests.services install` fetches or installs the servers that the tests start."""

from __future__ import annotations

import sys

from tests.services import kafka_broker, postgres
from tests.services.process import MissingService


def main() -> int:
    """Install what is missing; 1 and a sentence when that cannot be done."""
    if sys.argv[1:] != ["install"]:
        sys.stderr.write("usage: python -m tests.services install\n")
        return 2
    try:
        postgres.install()
        kafka_broker.install()
    except MissingService as missing:
        sys.stderr.write(f"the tests cannot run: {missing}\n")
        return 1
    sys.stdout.write("Kafka and PostgreSQL are there\n")
    return 0


sys.exit(main())
