"""One Spark for all tests of the jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from moderation.spark.session import spark_session
from tests.services.java import java

SMALL = (
    "spark.ui.enabled=false",
    "spark.driver.memory=1g",
    "spark.driver.bindAddress=127.0.0.1",
    "spark.driver.host=127.0.0.1",
    "spark.sql.shuffle.partitions=2",
    "spark.sql.codegen.wholeStage=false",  # compiling takes longer than computing here
)


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """A session on two cores of this machine."""
    java()
    with spark_session("tests", "local[2]", SMALL) as session:
        yield session
