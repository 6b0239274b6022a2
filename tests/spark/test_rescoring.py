"""Vectors and texts get the same judgements and scores on Spark as on one machine."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connectors.reviewdb.store import ReviewStore
from moderation.cli import build_app
from moderation.detector import load_detector
from moderation.errors import BundleError, InputError
from moderation.review.replay import replay
from moderation.risk.bundle import SHIPPED, read_bundle
from moderation.settings.mapping import MappingSettings
from moderation.spark.session import SparkFailed
from tests.integration.test_flags_command import run
from tests.integration.test_replay_command import EXTREME, database, stored  # noqa: F401  # a fixture
from tests.texts import machine_text, person_text

pytestmark = pytest.mark.slow


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'reviews.sqlite'}"


def test_exported_vectors_are_judged_as_replay_judges_them(spark: Any, database: ReviewStore, tmp_path: Path) -> None:  # noqa: F811
    from pyspark.sql import functions

    from moderation.spark.rescoring import counted, judged_again

    file, out = tmp_path / "vectors.parquet", tmp_path / "judged"
    run(build_app(), "vectors", "export", "--format", "parquet", "--output", str(file))
    here = run(build_app(), "replay", "--risk", str(SHIPPED), "--show", "0").stdout
    there = run(
        build_app(), "spark", "replay", "--vectors", str(file), "--risk", str(SHIPPED), "--out", str(out)
    ).stdout
    assert there.splitlines()[1:] == here.splitlines()[1:4]
    assert there.splitlines()[0] == "3 vectors judged again; 1 cannot be: of other models"
    judged = spark.read.parquet(str(out))
    expected, found = replay(database.engine, read_bundle(SHIPPED)), counted(judged)
    assert found == {name: getattr(expected, name) for name in found}
    assert found["judged"] == 3
    assert found["contradicted_after"] == 2
    risks = {one.post_id: (one.new_risk, one.newly_flagged) for one in expected.flips}
    rows = {row.post_id: (row.new_risk, row.newly_flagged) for row in judged.collect()}
    assert {name: rows[name] for name in risks} == risks
    with pytest.raises(BundleError, match=r"Cannot read manifest\.json"):
        judged_again(spark.read.parquet(str(file)), tmp_path, "all")
    with pytest.raises(InputError, match="have no column features; write them with `moderation vectors export`"):
        judged_again(spark.read.parquet(str(file)).drop("features"), SHIPPED, "all")
    short = spark.read.parquet(str(file)).withColumn("features", functions.array(functions.lit(1.0)))
    short.write.parquet(str(tmp_path / "short"))
    words = ["--vectors", str(tmp_path / "short"), "--risk", str(SHIPPED), "--out", str(tmp_path / "again")]
    with pytest.raises(
        SparkFailed, match=r"the job failed in Spark: ValueError: features of shape \(\d, 1\) do not fit"
    ):
        run(build_app(), "spark", "replay", *words)


def test_texts_have_the_scores_of_the_detector(spark: Any, tmp_path: Path) -> None:
    out = tmp_path / "scores"
    file, rng = tmp_path / "posts.jsonl", random.Random(1)
    texts = [*(machine_text(rng) for _ in range(3)), *(person_text(rng) * 3 for _ in range(3)), "Hi", ""]
    posts = [{"post_id": f"p{number}", "text": text, "lang": "en"} for number, text in enumerate(texts)]
    file.write_text("".join(json.dumps(post) + "\n" for post in [*posts, {"type": "none"}]), encoding="utf-8")
    shown = run(build_app(), "spark", "score", "--posts", str(file), "--out", str(out))
    assert (shown.exit_code, shown.stdout) == (7, f"Written: {out}, {len(texts)} posts\n")
    rows = {row.post_id: row for row in spark.read.parquet(str(out)).collect()}
    expected = load_detector(threads=1).score(texts, ["en"] * len(texts))
    assert [rows[f"p{number}"].content_abstained for number in range(len(texts))] == [one.abstained for one in expected]
    assert sum(one.abstained is None for one in expected) >= 4
    logits = [rows[f"p{number}"].synthetic_logit for number in range(len(texts))]
    np.testing.assert_allclose(np.array(logits, dtype=np.float64), [one.logit for one in expected], atol=1e-6)
    scores = [rows[f"p{number}"].synthetic_score for number in range(len(texts))]
    np.testing.assert_allclose(np.array(scores, dtype=np.float64), [one.probability for one in expected], atol=1e-6)


def test_parquet_as_an_archive_of_a_topic_has_it_is_read(spark: Any, tmp_path: Path) -> None:
    from moderation.spark.records import Records

    record = json.dumps({"type": "follow", "account_id": "a", "target_account_id": "b", "at": "2026-01-05T12:00:00Z"})
    place = str(tmp_path / "archive")
    archive = spark.createDataFrame([(bytearray(record, "ascii"),)], "value binary")
    archive.selectExpr("value", "timestamp '2026-01-05 12:00:01' as timestamp").write.parquet(place)
    ((word, follower, followed),) = Records(spark, place, "parquet", MappingSettings(), "follow").follows().collect()
    assert word == 2 * 1_767_614_400_000 + 1
    assert follower != followed
    early = archive.selectExpr("value", "timestamp '2026-01-05 11:00:00' as timestamp")
    early.write.parquet(f"{place}-early")
    too_early = Records(spark, f"{place}-early", "parquet", MappingSettings(), "follow")
    assert too_early.follows().collect() == []
    assert too_early.rejected == 1
    archive.toDF("record").write.parquet(f"{place}-other")
    with pytest.raises(InputError, match="has no column value; it has record"):
        Records(spark, f"{place}-other", "parquet", MappingSettings(), None)
