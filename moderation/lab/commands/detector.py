"""``moderation detector``: train, compare and evaluate the text detector on data that is not in the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from moderation.directories import exclusive
from moderation.errors import SettingsError
from moderation.lab.commands.data_manifest import DataManifest
from moderation.lab.commands.detector_training import NEEDS_EXPORT, Bf16, device_with, train
from moderation.output_paths import check_apart, check_writable

app = typer.Typer(no_args_is_help=True, help="Train, compare and evaluate the text detector.")
app.command()(train)


@app.command()
def heldout(
    data: Annotated[Path, typer.Option(help="Directory with text_train.jsonl.zst.")],
    out: Annotated[Path, typer.Option(help="JSONL file to write; keep it out of the repository.")],
    per_stratum: Annotated[int, typer.Option(min=1, help="Maximum number of texts of each source and label.")] = 400,
    data_manifest: DataManifest = None,
) -> None:
    """Write the held-out slice of part A, which no training step uses, for `moderation export --texts`."""
    import json

    from moderation.lab.textdata.partition import load_partition
    from moderation.lab.textdata.slices import in_validation, sample_per_stratum

    check_writable(out)
    rows = [row for row in load_partition(data, "A", data_manifest) if in_validation(row)]
    fresh = out.with_name(f".{out.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        for row in sample_per_stratum(rows, per_stratum):
            entry = {"text": row.text, "label": row.label, "source": row.source, "group": row.group}
            file.write(json.dumps(entry | ({"lang": row.language} if row.language else {})) + "\n")
    fresh.replace(out)


@app.command()
def compare(
    data: Annotated[Path, typer.Option(help="Directory with text_train.jsonl.zst.")],
    out: Annotated[Path, typer.Option(help="JSON file for the figures.")],
    candidate: Annotated[
        list[str] | None,
        typer.Option(
            help="words, words-balanced, characters, encoder, encoder-attacked, encoder-hard; or a mean such as "
            "2*encoder+characters. Repeatable."
        ),
    ] = None,
    leave: Annotated[str, typer.Option(help="What each fold leaves out: source, generator or both.")] = "both",
    only: Annotated[list[str] | None, typer.Option(help="Leave out this source or generator only. Repeatable.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Training steps of an encoder in each fold.")] = 400,
    texts: Annotated[int, typer.Option(min=1, help="Texts of each source and label tested in a fold.")] = 1500,
    threads: Annotated[int, typer.Option(min=0, help="Threads of an encoder; 0: every core.")] = 0,
    work: Annotated[
        Path | None, typer.Option(help="Directory for finished fits, to continue from; default: beside --out.")
    ] = None,
    all_rows: Annotated[
        bool, typer.Option("--all-rows", help="Also use rows whose licence forbids published weights.")
    ] = False,
    start_from: Annotated[
        Path | None, typer.Option("--from", help="Encoder checkpoint to start from; default: MiniLM.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda, for encoders.")] = "cpu",
    data_manifest: DataManifest = None,
    bf16: Bf16 = False,
) -> None:
    """Compare detectors by cross-validation that leaves out one source or one generator at a time."""
    import json

    from rich.console import Console

    try:
        from moderation.lab.checkpoints.minilm import minilm_directory
        from moderation.lab.commands.comparison_table import comparison_table
        from moderation.lab.detector.leave_out.catalogue import DEFAULT, catalogue
        from moderation.lab.detector.leave_out.comparison import ComparisonPlan, compare_on
    except ImportError as error:
        raise SettingsError(NEEDS_EXPORT) from error
    computing = device_with(threads, device)
    check_writable(out)
    kept = work or out.with_suffix(".work")
    check_apart(out, kept)
    console = Console()
    plan = ComparisonPlan(tuple(candidate or DEFAULT), leave, texts, all_rows, only=tuple(only or ()))

    def report_progress(done: int, total: int, fold: str, name: str) -> None:
        console.print(f"{done} of {total} done, now {fold}: {name}", highlight=False)

    with exclusive(kept):
        known = catalogue(steps, start_from or minilm_directory(), computing, bf16=bf16)
        report = compare_on(data, plan, known, kept, report_progress, data_manifest)
    out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    console.print(comparison_table(report))


@app.command()
def evaluate(
    data: Annotated[Path, typer.Option(help="Directory with text_train.jsonl.zst and text_dev.jsonl.zst.")],
    out: Annotated[Path, typer.Option(help="JSON file for the figures.")] = Path("detector-figures.json"),
    bundle: Annotated[
        Path | None, typer.Option(help="Directory of the detector bundle to evaluate; default: the shipped one.")
    ] = None,
    data_manifest: DataManifest = None,
    report: Annotated[
        Path | None, typer.Option(help="HTML page with plots of the figures; default: beside --out.")
    ] = None,
    texts: Annotated[int, typer.Option(min=1, help="Maximum number of texts of each source and label.")] = 200,
    changed_texts: Annotated[int, typer.Option(min=1, help="Texts of a source that are attacked or changed.")] = 20,
    seed: Annotated[int, typer.Option(help="Seed that selects these texts and their changes.")] = 0,
) -> None:
    """Evaluate a bundle on the dev files: groups of people first, then machine texts, sources, length and attacks.

    Example:  moderation detector evaluate --data DIR --out figures.json
    """
    import json

    from rich.console import Console
    from rich.progress import Progress

    from moderation.detector import load_detector
    from moderation.lab.commands.evaluation_tables import evaluation_tables

    try:
        from moderation.lab.evaluation.detector.report_html import report_html
        from moderation.lab.evaluation.detector.run import EvaluationPlan
        from moderation.lab.evaluation.detector.run import evaluate as judge
    except ImportError as error:
        raise SettingsError(NEEDS_EXPORT) from error
    check_writable(out)
    page = report or out.with_suffix(".html")
    check_apart(out, page)
    check_writable(page)
    detector = load_detector(bundle)
    with Progress() as progress:
        task = progress.add_task("scoring")
        figures = judge(
            data,
            detector,
            lambda done, total: progress.update(task, completed=done, total=total),
            data_manifest,
            EvaluationPlan(texts, changed_texts, seed),
        )
    out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    page.write_text(report_html(figures), encoding="utf-8")
    for table in evaluation_tables(figures):
        Console().print(table)
