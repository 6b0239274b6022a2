"""`moderation spark`: batch jobs on Apache Spark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from moderation.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

HELP = """Compute on Apache Spark what is too large for one machine.

Install the extra `spark` and Java 17 or newer, on every worker too. Without --master
Spark's own settings hold: those of spark-submit, of SPARK_CONF_DIR, or else all cores of this machine.

Example:  moderation spark graph --follows follows/ --out /shared/epochs --epoch 20421 --config sidecar.toml
"""
SOME_REJECTED = 7

app = typer.Typer(help=HELP, no_args_is_help=True)

Master = Annotated[str | None, typer.Option(metavar="URL", help="Spark master, such as local[4] or spark://HOST:7077.")]
Conf = Annotated[
    list[str] | None,
    typer.Option("--conf", metavar="KEY=VALUE", help="Spark setting, such as spark.driver.memory=8g. Repeatable."),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="TOML file with settings: platform_id, mapping, state, detector."),
]
Form = Annotated[
    Literal["jsonl", "parquet"],
    typer.Option("--format", help="Lines of JSON, or Parquet with the record in a column value, as from Kafka."),
]
KindOfAll = Annotated[
    Literal["post", "follow", "deletion", "label"] | None,
    typer.Option("--kind", help="Kind of all records; default: by the mapping, or by `type` in each record."),
]


@app.command()
def graph(
    follows: Annotated[
        str, typer.Option(metavar="PATH", help="All follow events since the beginning: a file, directory or URI.")
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Directory of the epochs, which driver, executors and sidecars share.")
    ],
    epoch: Annotated[
        int, typer.Option(min=0, help="Number of the epoch: seconds since 1970 divided by state.graph_epoch_s.")
    ],
    form: Form = "jsonl",
    kind: KindOfAll = None,
    config: Config = None,
    master: Master = None,
    conf: Conf = None,
) -> None:
    """Compute the whole-graph figures of the follow graph at the end of an epoch.

    Writes DIR/epoch-K with clustering, core number, component share and PageRank of every account. Sidecars with
    state.graph_epochs = "DIR" read it for posts of the epoch K+2, so the job has the length of an epoch to finish.

    Example:  moderation spark graph --follows follows.jsonl --out epochs --epoch 20421 --config sidecar.toml

    Exit codes: 0 written; 1 the job failed; 2 wrong arguments, settings or paths; 7 written, but some records could not
    be decoded.
    """
    from moderation.settings import load_settings
    from moderation.spark.session import spark_session

    settings = load_settings(config)
    with spark_session("moderation graph", master, conf or ()) as spark:
        from moderation.spark.graph_epochs import Epoch, write_epoch
        from moderation.spark.records import Records

        records = Records(spark, follows, form, settings.mapping, kind)
        wanted = Epoch(settings.platform_id, epoch, settings.state.graph_epoch_s)
        written = write_epoch(records.follows(), wanted, out)
        typer.echo(f"Written: {written.place}, {written.accounts} accounts with {written.edges} follows")
        _conclude(records.rejected)


@app.command()
def replay(
    vectors: Annotated[str, typer.Option(metavar="PATH", help="Parquet files of `moderation vectors export`.")],
    risk: Annotated[Path, typer.Option(metavar="DIR", help="Directory of the risk bundle to try, on every worker.")],
    out: Annotated[str, typer.Option(metavar="DIR", help="New directory for the judgements, as Parquet.")],
    policy: Annotated[
        Literal["all", "selective"], typer.Option(help="Scoring policy whose threshold is used.")
    ] = "all",
    master: Master = None,
    conf: Conf = None,
) -> None:
    """Judge exported feature vectors again with another risk model, as `moderation replay` does in the database.

    Example:  moderation spark replay --vectors vectors.parquet --risk my-risk-bundle --out judged

    Exit codes: 0 written, whatever changed; 1 the job failed; 2 wrong arguments or paths; 3 the bundle cannot be used.
    """
    from moderation.spark.session import spark_session

    _refuse_existing(out)
    with spark_session("moderation replay", master, conf or ()) as spark:
        from moderation.spark.rescoring import counted, judged_again

        table = spark.read.parquet(vectors)
        judged_again(table, risk, policy).write.parquet(out)
        found = counted(spark.read.parquet(out))
        _print(found, of_other_models=table.count() - int(found["judged"]))


@app.command()
def score(
    posts: Annotated[str, typer.Option(metavar="PATH", help="Records with posts: a file, directory or URI.")],
    out: Annotated[str, typer.Option(metavar="DIR", help="New directory for the scores, as Parquet.")],
    form: Form = "jsonl",
    kind: KindOfAll = None,
    detector: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Detector bundle, on every worker; default: that of the settings."),
    ] = None,
    config: Config = None,
    master: Master = None,
    conf: Conf = None,
) -> None:
    """Score the texts of posts, as `moderation score --content-only` does in one process.

    Each task uses one core and about 500 MB for its detector, beside the memory of the executor.

    Example:  moderation spark score --posts posts/ --detector my-detector --out scores --config sidecar.toml

    Exit codes: 0 written; 1 the job failed; 2 wrong arguments, settings or paths; 3 the bundle cannot be used; 7
    written, but some records could not be decoded.
    """
    from moderation.settings import load_settings
    from moderation.spark.session import spark_session

    settings = load_settings(config)
    _refuse_existing(out)
    with spark_session("moderation score", master, conf or ()) as spark:
        from moderation.spark.records import Records
        from moderation.spark.rescoring import scored

        records = Records(spark, posts, form, settings.mapping, kind)
        scored(records.posts(), detector or settings.detector, settings.max_text_bytes).write.parquet(out)
        typer.echo(f"Written: {out}, {spark.read.parquet(out).count()} posts")
        _conclude(records.rejected)


def _refuse_existing(out: str) -> None:
    if Path(out).exists():
        raise InputError(f"{out} exists; name a directory that does not")


def _print(found: Mapping[str, float], of_other_models: int) -> None:
    count = {name: round(value) for name, value in found.items()}
    typer.echo(f"{count['judged']} vectors judged again; {of_other_models} cannot be: of other models")
    typer.echo(f"{count['flags']} flags: {count['kept_flags']} are flags of this model too")
    typer.echo(
        f"{count['samples']} audited posts without a flag: {count['new_flags']} are flags of this model, which stand "
        f"for about {count['posts_newly_flagged']:,} posts of the stream"
    )
    typer.echo(
        f"verdicts of people: {count['with_verdict']}; contradicted by the stored decisions: "
        f"{count['contradicted_before']}, by this model: {count['contradicted_after']}"
    )


def _conclude(rejected: int) -> None:
    if rejected:
        typer.echo(f"{rejected} records could not be decoded; `moderation events check` names the reasons", err=True)
        raise typer.Exit(SOME_REJECTED)
