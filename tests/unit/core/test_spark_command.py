"""`moderation spark` without Spark: arguments are checked, and a missing extra is named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from moderation.cli import build_app
from moderation.errors import InputError, SettingsError
from moderation.spark.session import _reason
from tests.integration.test_flags_command import run


@pytest.mark.parametrize("words", [["graph", "--follows", "f", "--epoch", "1"], ["score", "--posts", "p"]])
def test_spark_without_its_packages_names_the_extra(
    words: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("py4j.protocol", "pyspark.errors", "pyspark.sql"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SettingsError, match="needs pyspark and pandas; run pip install -e"):
        run(build_app(), "spark", *words, "--out", str(tmp_path / "out"))


def test_spark_does_not_write_over_a_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exists; name a directory that does not"):
        run(build_app(), "spark", "score", "--posts", "p", "--out", str(tmp_path))


def test_a_failure_in_java_is_reported_with_its_cause() -> None:
    trace = (
        "An error occurred while calling o38.parquet.\n"
        ": org.apache.spark.SparkException: [CANNOT_READ_FILE_FOOTER] Encountered error while reading file f.\n"
        "\tat org.apache.spark.sql.errors.QueryExecutionErrors$.one(QueryExecutionErrors.scala:1123)\n"
        "Caused by: java.lang.RuntimeException: f is not a Parquet file. Expected magic number at tail\n"
        "\tat org.apache.parquet.hadoop.ParquetFileReader.two(ParquetFileReader.java:1)\n"
    )
    assert _reason(RuntimeError(trace)) == "f is not a Parquet file. Expected magic number at tail"
    assert _reason(RuntimeError("no trace\nat all")) == "no trace"
