"""Starts Spark, and turns its failures into errors with one line."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from moderation.errors import InputError, ModerationError, SettingsError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CONFIGURATION = {
    "spark.log.level": "ERROR",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.session.timeZone": "UTC",
    # Tables keep their partitions from round to round, so that a round shuffles once; adaptive plans are slower.
    "spark.sql.adaptive.enabled": "false",
    "spark.cleaner.referenceTracking.cleanCheckpoints": "true",
}
"""Defaults of a session; --conf wins."""


_RAISED = re.compile(r"(?!java|org\.|py4j)[\w.]*(?:Error|Exception|Overdue): .")
"""The line of a traceback that names an error of Python."""
_CAUSE = re.compile(r"(?:: |Caused by: )[\w.$]+: (.+)")
"""The line of a stack trace that names an error of Java."""


class SparkFailed(ModerationError):
    """A job failed in Spark."""


@contextmanager
def spark_session(name: str, master: str | None = None, conf: Sequence[str] = ()) -> Iterator[SparkSession]:
    """Yield a session; *conf* has entries KEY=VALUE. It is stopped at the end, unless it was there before.

    Raises SettingsError without pyspark or Java, and for a wrong entry; InputError for a path or a column that does not
    exist; SparkFailed for another failure in Spark.
    """
    try:
        from py4j.protocol import Py4JJavaError
        from pyspark.errors import AnalysisException, PySparkException, PySparkRuntimeError
        from pyspark.sql import SparkSession
    except ImportError:
        raise SettingsError(
            "`moderation spark` needs pyspark and pandas; run pip install -e '.[spark]' in its source directory"
        ) from None
    entries = [entry.partition("=") for entry in conf]
    for key, equals, _ in entries:
        if not key or not equals:
            raise SettingsError(f"--conf takes KEY=VALUE, such as spark.executor.memory=8g, got {key!r}")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(name)
    for key, value in {**CONFIGURATION, **{key: value for key, _, value in entries}}.items():
        builder = builder.config(key, value)
    before = SparkSession.getActiveSession()
    try:
        spark = (builder.master(master) if master else builder).getOrCreate()
    except (PySparkRuntimeError, Py4JJavaError) as error:
        raise SettingsError(
            f"Spark does not start ({_reason(error)}); install Java 17 or newer, or set JAVA_HOME, and "
            "check --master and --conf"
        ) from None
    try:
        yield spark
    except AnalysisException as error:
        raise InputError(f"Spark cannot read or write this: {_reason(error)}") from None
    except (PySparkException, Py4JJavaError) as error:
        raise SparkFailed(f"the job failed in Spark: {_reason(error)}; its log has the rest") from None
    finally:
        if before is None:
            spark.stop()


def _reason(error: Exception) -> str:
    """Return the last error that Python code raised, else the cause that Java names, else the first line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    raised = [line for line in lines if _RAISED.match(line)]
    if raised:
        return raised[-1].removeprefix("moderation.errors.")
    causes = [cause[1] for cause in map(_CAUSE.match, lines) if cause]
    return causes[-1] if causes else lines[0]
