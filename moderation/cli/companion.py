"""``moderation companion``: train, make smaller or export a causal language model, score with it, judge it, join it."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moderation.cli.data_manifest import DataManifest
from moderation.cli.detector_training import MOST_SEED, NEEDS_EXPORT, Seed, device_with
from moderation.cli.score import SOME_REJECTED, Rejects, check_apart, writer
from moderation.cli.writable import check_writable
from moderation.directories import worked_in_alone, written_alone
from moderation.errors import InputError, SettingsError

if TYPE_CHECKING:
    from rich.progress import TaskID

    from moderation.detector.companion import CompanionScore, ZeroShotFeatures
    from moderation.detector.companion.manifest import CompanionPrecision
    from moderation.events import Post

app = typer.Typer(no_args_is_help=True, help="Tell how expected texts are to a language model that saw no labels.")

_POSTS_AT_A_TIME = 32
# The least that a checkpoint must read; what is written with it is cut into no windows.
_ANY_WINDOW = 4


@app.command()
def train(
    data: Annotated[Path, typer.Option(help="Folder with text_train.jsonl.zst.")],
    out: Annotated[Path, typer.Option(help="Where the checkpoint and the log go; a run found there is continued.")],
    steps: Annotated[int, typer.Option(min=1, help="Steps of the whole run, of 2048 tokens each.")] = 4000,
    seed: Seed = 1,
    threads: Annotated[int, typer.Option(min=0, help="Threads to compute with; 0 takes every core.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    data_manifest: DataManifest = None,
) -> None:
    """Train a small language model on people's texts of part A; stop it at any time, the same command continues.

    It reads sources without machines' texts only, so none that `moderation detector compare` tests.

    Example:  moderation companion train --data data --out run && moderation companion export run/checkpoint companion
    """
    try:
        from moderation.training.detector.language_model.training import train_language_model
        from moderation.training.detector.plans import LanguageModelPlan
    except ImportError as error:
        raise SettingsError(NEEDS_EXPORT) from error
    plan = LanguageModelPlan(steps=steps, seed=seed)
    with worked_in_alone(out):
        train_language_model(data, out, plan, device_with(threads, device), data_manifest)


@app.command()
def distil(
    checkpoint: Annotated[
        Path, typer.Argument(help="Hugging Face directory or .gguf file of a Llama, Mistral or Qwen2 model.")
    ],
    data: Annotated[Path, typer.Option(help="Folder with text_train.jsonl.zst.")],
    out: Annotated[Path, typer.Option(help="Where the checkpoint and the log go; a run found there is continued.")],
    layers: Annotated[int, typer.Option(min=1, help="Layers that stay: those that change most.")] = 20,
    vocabulary: Annotated[int, typer.Option(min=300, help="Entries of the vocabulary that stay, the first.")] = 24576,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the whole run, of 2032 tokens each.")] = 400,
    bf16: Annotated[bool, typer.Option("--bf16", help="Compute in bfloat16, where the processor has it.")] = False,
    seed: Seed = 1,
    threads: Annotated[int, typer.Option(min=0, help="Threads to compute with; 0 takes every core.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    data_manifest: DataManifest = None,
) -> None:
    """Make a language model smaller: some layers stay, and learn to expect what the whole model expected.

    It reads people's texts of part A, of sources without machines' texts, so none that `moderation detector compare`
    tests. Stop it at any time, the same command continues.

    Example:  moderation companion distil SmolLM2-135M-Instruct.Q4_1.gguf --data DIR --out run --bf16
    """
    try:
        from export.causal.checkpoint import load_causal
        from moderation.training.detector.language_model.distilling import distil as make_smaller
        from moderation.training.detector.plans import DistillationPlan
    except ImportError as error:
        raise SettingsError(NEEDS_EXPORT) from error
    plan = DistillationPlan(steps=steps, layers=layers, vocabulary=vocabulary, bf16=bf16, seed=seed)
    computing = device_with(threads, device)
    loaded = load_causal(checkpoint, _ANY_WINDOW)
    with worked_in_alone(out):
        make_smaller(loaded.network, loaded.tokenizer, data, out, plan, computing, data_manifest)


@app.command()
def export(
    checkpoint: Annotated[
        Path, typer.Argument(help="Hugging Face directory or .gguf file of a GPT-2, Llama, Mistral or Qwen2 model.")
    ],
    out: Annotated[Path, typer.Argument(help="Directory of the companion; an older bundle there is replaced.")],
    precision: Annotated[str, typer.Option(help="int8, int8-dynamic (faster), fp32; more with commas.")] = "int8",
    name: Annotated[str | None, typer.Option(help="Name of the companion (that of the directory).")] = None,
    max_tokens: Annotated[int, typer.Option(help="Tokens of a text that one window holds.")] = 254,
    windows: Annotated[int, typer.Option(min=1, max=8, help="Windows of a text that are read; fewer cost less.")] = 8,
    licence: Annotated[str, typer.Option(help="Licence of the weights.")] = "unstated",
    notice: Annotated[Path | None, typer.Option(help="NOTICE file that goes into the bundle.")] = None,
) -> None:
    """Turn a causal checkpoint into a companion: ONNX, precisions, parity with PyTorch, probes, manifest.

    Example:  moderation companion export SmolLM2-135M-Instruct.Q4_1.gguf companion --licence Apache-2.0
    """
    try:
        from rich.console import Console
        from rich.table import Table

        from export.causal.bundle import CompanionOrder, write_companion
        from moderation.detector.companion.manifest import read_companion_manifest
    except ImportError as error:
        raise SettingsError("Exporting needs PyTorch: pip install 'moderation-sidecar[export]'.") from error
    order = CompanionOrder(
        name=name or out.resolve().name,
        precisions=_precisions(precision),
        max_tokens=max_tokens,
        most_windows=windows,
        licence=licence,
        notice=notice,
    )
    manifest, manifest_hash = read_companion_manifest(write_companion(checkpoint, out, order))
    table = Table("precision", "file", "MB", "largest difference, nats", "mean", "curvature, correlation")
    table.title = f"{manifest.name} {manifest_hash[:12]}, begins with {manifest.first_token.name}"
    for kind, entry in manifest.precisions.items():
        size = (out / entry.file).stat().st_size / 1e6
        parity = entry.parity
        correlation = "" if parity.curvature_correlation is None else f"{parity.curvature_correlation:.5f}"
        differences = (parity.largest_log_probability_difference, parity.mean_log_probability_difference)
        table.add_row(kind, entry.file, f"{size:.1f}", *(f"{value:.2g}" for value in differences), correlation)
    Console().print(table)


@app.command()
def generate(
    checkpoint: Annotated[
        Path, typer.Argument(help="Hugging Face directory or .gguf file of a GPT-2, Llama, Mistral or Qwen2 model.")
    ],
    data: Annotated[Path, typer.Option(help="Folder with text_train.jsonl.zst.")],
    out: Annotated[Path, typer.Option(help="JSONL to write, as private as the data; a run found there is continued.")],
    texts: Annotated[int, typer.Option(min=1, help="Texts asked for in each source.")] = 800,
    source: Annotated[
        list[str] | None, typer.Option(help="Write beside the posts of this source only; may be given several times.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the generator (that of the checkpoint).")] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=MOST_SEED, help="The same seed gives the same texts on the same machine.")
    ] = 1,
    threads: Annotated[int, typer.Option(min=0, help="Threads to compute with; 0 takes every core.")] = 0,
    data_manifest: DataManifest = None,
) -> None:
    """Let a language model write beside people's posts, for `moderation detector train --generated`.

    It reads posts of part A in sources where no machine wrote, and goes on with them, answers them, says them anew or
    writes on their subject. Stop it at any time, the same command continues.

    Example:  moderation companion generate SmolLM2-135M-Instruct.Q4_1.gguf --data DIR --out generated.jsonl
    """
    from rich.progress import Progress

    try:
        from export.causal.checkpoint import load_causal
        from moderation.training.detector.generated.prompts import people_asked, prompts_of
        from moderation.training.detector.generated.writing import Writer, write_texts
        from moderation.training.detector.partition import load_partition
    except ImportError as error:
        raise SettingsError(NEEDS_EXPORT) from error
    if not out.parent.is_dir():
        raise InputError(f"There is no folder {out.parent} for the texts; make it, or give another --out.")
    device_with(threads, "cpu")
    with written_alone(out):
        loaded = load_causal(checkpoint, _ANY_WINDOW)
        writer = Writer(loaded.network, loaded.tokenizer, loaded.first_id, name or checkpoint.stem)
        prompts = prompts_of(people_asked(load_partition(data, "A", data_manifest), texts, source), seed)
        with Progress() as progress:
            task = progress.add_task("writing", total=len(prompts))
            written = write_texts(writer, prompts, out, seed, lambda done: progress.advance(task, done))
    typer.echo(f"{written} texts in {out}; the others were copies, or too short.")


@app.command()
def score(
    source: Annotated[str, typer.Argument(metavar="FILE|-", help="JSON-lines file of posts; - for standard input.")],
    companion: Annotated[
        Path | None, typer.Option(help="Directory that `moderation companion export` wrote (the shipped one).")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where to write; default: standard output.")
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="Where bad lines go; default: standard error, by number.")
    ] = None,
    tokens: Annotated[bool, typer.Option("--tokens", help="Also write every token's place and expectation.")] = False,
    threads: Annotated[int, typer.Option(min=0, help="Texts scored at a time; 0 takes every core.")] = 0,
) -> None:
    """Write the companion's figures for each post of a file; a text of under four tokens gets none.

    Example:  moderation companion score texts.jsonl -o figures.jsonl

    Exit codes: 0 all lines read; 7 some lines were rejected; 2 wrong arguments; 3 the companion is unusable.
    """
    from rich.console import Console
    from rich.progress import Progress

    from connectors.record_files import file_or_standard_input, numbered_records
    from moderation.detector.companion import load_companion
    from moderation.events import Post
    from moderation.mapping import FieldMapping
    from moderation.offline import read_items
    from moderation.reading import RecordReader

    console = Console(stderr=True)
    with ExitStack() as stack:
        stream = stack.enter_context(file_or_standard_input(source))
        loaded = load_companion(companion, threads or None)
        check_apart(source, output, rejects)
        out = writer(stack, output)
        bad = Rejects(writer(stack, rejects) if rejects is not None else None)
        progress = stack.enter_context(Progress(console=console, disable=not console.is_terminal))
        task = progress.add_task("scoring", total=None if source == "-" else Path(source).stat().st_size)

        def lines() -> Iterator[tuple[int, bytes]]:
            for number, line in numbered_records(stream, source):
                progress.advance(task, len(line) + 1)
                yield number, line

        items = bad.taken_from(read_items(lines(), RecordReader(FieldMapping({}))))
        posts = (item.content for item in items if isinstance(item.content, Post))
        for batch in _batches(posts):
            for post, scored in zip(batch, loaded.score([post.text for post in batch]), strict=True):
                out.write(as_json(post.post_id, scored, tokens=tokens) + "\n")
    if bad.count:
        raise typer.Exit(SOME_REJECTED)


@app.command()
def join(
    companion: Annotated[
        Path, typer.Argument(help="What `moderation companion export` wrote; thorough for the one that ships.")
    ],
    out: Annotated[Path, typer.Argument(help="Directory of the joined bundle; an older one there is replaced.")],
    data: Annotated[Path, typer.Option(help="Folder with text_train.jsonl.zst.")],
    detector: Annotated[Path | None, typer.Option(help="Detector bundle to join it with (fast, which ships).")] = None,
    threads: Annotated[int, typer.Option(min=0, help="Texts read at a time; 0 takes every core.")] = 0,
    work: Annotated[
        Path | None,
        typer.Option(help="Where the companion's figures are kept, to continue from (a folder beside OUT)."),
    ] = None,
    data_manifest: DataManifest = None,
) -> None:
    """Join a companion with a detector into one bundle, for `detector`, --detector and --bundle everywhere.

    What joins them is fitted on the data that the detector was trained on and on its held-out slice. A risk bundle is
    bound to its detector, so train one anew with `moderation train --detector OUT`.

    Example:  moderation companion join companion-smollm2 detector-joined --data DIR

    Exit codes: 0 written; 2 wrong arguments or data; 3 a part is unusable.
    """
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

    from moderation.detector import load_detector
    from moderation.detector.joined.manifest import companion_of, read_joined_manifest
    from moderation.detector.shipped import directory_of, shipped_detector

    try:
        from export.joined import JoinOrder, write_joined
    except ImportError as error:
        raise SettingsError("Joining needs scikit-learn: pip install 'moderation-sidecar[export]'.") from error
    place = out.absolute()  # whose last part is a name also where OUT is a dot
    order = JoinOrder(
        detector=directory_of(detector) if detector else shipped_detector(),
        companion=companion_of(companion),
        data=data,
        work=work or place.parent / f"{place.name}.work",
        threads=threads or None,
        data_manifest=data_manifest,
    )
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        tasks: dict[str, TaskID] = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done)

        with worked_in_alone(order.work):
            write_joined(out, order, told)
    Console().print(load_detector(out.resolve(), threads=1).describe(), markup=False, highlight=False)
    table = Table("source", "detector", "companion", "joined", title="AUROC on texts held out from training")
    for source, found in read_joined_manifest(out)[0].joining.held_out.items():
        table.add_row(source, *(f"{value:.3f}" for value in (found.detector, found.companion, found.joined)))
    Console().print(table)


@app.command()
def judge(
    texts: Annotated[Path, typer.Argument(help="JSONL that `moderation detector heldout` wrote.")],
    companion: Annotated[Path, typer.Option(help="Directory that `moderation companion export` wrote.")],
    out: Annotated[Path, typer.Option(help="JSON file for the figures.")],
    bundle: Annotated[Path | None, typer.Option(help="Detector to judge it beside (fast, which ships).")] = None,
    threads: Annotated[int, typer.Option(min=0, help="Texts the companion scores at a time; 0: each core.")] = 0,
) -> None:
    """Say whether a companion's figures improve a detector within sources, on texts that it was not trained on.

    Example:  moderation companion judge heldout.jsonl --companion companion --out judged.json
    """
    import numpy as np
    from rich.console import Console
    from rich.progress import track

    from moderation.cli.comparison_table import gain_table
    from moderation.detector import load_detector
    from moderation.detector.companion import load_companion
    from moderation.detector.companion.statistics import figures_of
    from moderation.detector.shipped import shipped_detector

    try:
        from export.labelled_texts import read_labelled_texts
        from moderation.training.detector.beside_detector import beside_detector, of_both_labels
        from moderation.training.detector.rows import TextRow
    except ImportError as error:
        raise SettingsError(NEEDS_EXPORT) from error
    check_writable(out)
    rows = of_both_labels(
        [
            TextRow(str(number), each.source, each.label, each.group, each.text, "", "")
            for number, each in enumerate(read_labelled_texts(texts))
        ]
    )
    detector, loaded = load_detector(bundle or shipped_detector()), load_companion(companion, threads or None)
    logits: list[float] = []
    figures: list[ZeroShotFeatures] = []
    starts = range(0, len(rows), _POSTS_AT_A_TIME)
    for begin in track(starts, "scoring", console=Console(stderr=True), disable=not sys.stderr.isatty()):
        some = [row.text for row in rows[begin : begin + _POSTS_AT_A_TIME]]
        logits += [score.logit for score in detector.score(some)]
        figures += [score.features for score in loaded.score(some)]
    found = beside_detector(rows, np.array(logits, dtype=np.float64), figures_of(figures))
    report = {"detector": detector.describe(), "companion": loaded.describe(), **found}
    out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    Console().print(gain_table(found))


def as_json(post_id: str, scored: CompanionScore, *, tokens: bool) -> str:
    """One score as the line that `companion score` writes, in ASCII; a figure that is missing is null."""
    line: dict[str, Any] = {"post_id": post_id}
    for name, value in dataclasses.asdict(scored.features).items():
        line[name] = None if math.isnan(value) else value
    line["truncated"] = scored.truncated
    if tokens:
        line["tokens"] = [
            {
                "start": token.start,
                "end": token.end,
                "log_probability": token.log_probability,
                "rank": token.rank,
                "curvature": token.curvature,
                "repeated": token.repeated,
            }
            for token in scored.tokens
        ]
    return json.dumps(line)


def _batches(posts: Iterable[Post]) -> Iterator[list[Post]]:
    remaining = iter(posts)
    while batch := list(islice(remaining, _POSTS_AT_A_TIME)):
        yield batch


def _precisions(wanted: str) -> tuple[CompanionPrecision, ...]:
    known: tuple[CompanionPrecision, ...] = ("fp32", "int8", "int8-dynamic")
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    chosen = tuple(kind for kind in known if kind in names)
    if not chosen or len(chosen) != len(set(names)):
        raise SettingsError(f"--precision takes fp32, int8 and int8-dynamic, with commas between them, not {wanted!r}.")
    return chosen
