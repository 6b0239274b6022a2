"""``moderation detector train`` and ``pretrain``: the commands that make a detector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moderation.checksum import sha256_of
from moderation.cli.data_manifest import DataManifest
from moderation.directories import worked_in_alone
from moderation.errors import SettingsError

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from moderation.detector.manifest import NgramUnit
    from moderation.training.detector.ngrams.fit import Figures
    from moderation.training.detector.starting_point import Start

NEEDS_EXPORT = "Training and evaluating need PyTorch: pip install 'moderation-sidecar[export]'."

_NGRAMS_OF: dict[str, NgramUnit] = {"ngrams": "characters", "words": "words"}
_OF_THE_ENCODER = {
    "start_from": "--from",
    "from_config": "--from-config",
    "tokenizer": "--tokenizer",
    "steps": "--steps",
    "batch_texts": "--batch-texts",
    "learning_rate": "--learning-rate",
    "attacked_share": "--attacked-share",
    "hard_negative_share": "--hard-negative-share",
    "hard_negative_from": "--hard-negative-from",
    "group_robust": "--group-robust",
    "bf16": "--bf16",
    "teacher": "--teacher",
    "lessons": "--lessons",
    "curvature_share": "--curvature-share",
    "threads": "--threads",
    "device": "--device",
}

_Data = Annotated[Path, typer.Option(help="Folder with text_train.jsonl.zst.")]
_Out = Annotated[Path, typer.Option(help="Where the checkpoint and the log go; a run found there is continued.")]
_From = Annotated[
    Path | None,
    typer.Option(
        "--from",
        help="Encoder checkpoint to start from (the MiniLM of the export extra); one without weights starts at random.",
    ),
]
_FromConfig = Annotated[
    Path | None, typer.Option("--from-config", help="Model configuration to start from at random, with --tokenizer.")
]
_TokenizerFile = Annotated[Path | None, typer.Option("--tokenizer", help="tokenizer.json for --from-config.")]
_Steps = Annotated[int, typer.Option(min=1, help="Steps of the whole run.")]
_BatchTexts = Annotated[int, typer.Option(min=2, help="Texts in a step.")]
_LearningRate = Annotated[float, typer.Option(min=0.0, help="Highest learning rate.")]
Lessons = Annotated[
    int, typer.Option(min=1, help="Texts of each source and label that the teacher reads, half of a lone label's.")
]
CurvatureShare = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=1.0,
        help="How much of the say is what the teacher taught; a finished training can be given another.",
    ),
]
Generated = Annotated[
    Path | None,
    typer.Option(help="Texts that `moderation companion generate` wrote, to train on besides."),
]
Bf16 = Annotated[
    bool,
    typer.Option("--bf16", help="Compute the encoder in bfloat16: faster where the processor has it."),
]
MOST_SEED = 2**32 - 1
"""Every generator of random numbers takes so large a seed."""
Seed = Annotated[
    int,
    typer.Option(
        min=0, max=MOST_SEED, help="The same seed, plan and threads give the same run on the same machine, on the CPU."
    ),
]
_Threads = Annotated[int, typer.Option(min=0, help="Threads to compute with; 0 takes every core.")]
_Device = Annotated[str, typer.Option(help="cpu or cuda.")]


def train(
    context: typer.Context,
    data: _Data,
    out: _Out,
    kind: Annotated[
        str,
        typer.Option(help="encoder; or, in minutes on one core, ngrams: 2 to 5 characters, or words: 1 or 2 of them."),
    ] = "encoder",
    start_from: _From = None,
    from_config: _FromConfig = None,
    tokenizer: _TokenizerFile = None,
    steps: _Steps = 2000,
    batch_texts: _BatchTexts = 64,
    learning_rate: _LearningRate = 2e-4,
    attacked_share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the texts that are seen after an attack.")
    ] = 0.25,
    hard_negative_share: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Share of the human texts drawn from those taken for a machine's."),
    ] = 0.0,
    hard_negative_from: Annotated[
        int, typer.Option(min=0, help="Step at which these are looked for first; may be set when a run is continued.")
    ] = 0,
    group_robust: Annotated[
        bool, typer.Option("--group-robust", help="Weigh a source's losses by how badly it goes, threefold at most.")
    ] = False,
    all_rows: Annotated[
        bool,
        typer.Option("--all-rows", help="Also rows whose licence forbids weights: to measure, never to publish."),
    ] = False,
    teacher: Annotated[
        Path | None,
        typer.Option(help="Companion (`moderation companion export`) whose answers are learned beside the labels."),
    ] = None,
    lessons: Lessons = 800,
    curvature_share: CurvatureShare = 0.5,
    generated: Generated = None,
    bf16: Bf16 = False,
    seed: Seed = 1,
    threads: _Threads = 0,
    device: _Device = "cpu",
    data_manifest: DataManifest = None,
) -> None:
    """Train the detector on part A of the text data; stop an encoder at any time, the same command continues."""
    if kind in _NGRAMS_OF:
        given = [option for name, option in _OF_THE_ENCODER.items() if was_given(context, name)]
        if given:
            raise SettingsError(f"{', '.join(given)} would change nothing with --kind {kind}; leave it out.")
        with worked_in_alone(out):
            unit = _NGRAMS_OF[kind]
            _train_ngrams(data, out, unit, seed, generated, all_rows=all_rows, data_manifest=data_manifest)
        return
    if kind != "encoder":
        raise SettingsError(f"--kind takes encoder, ngrams or words, not {kind!r}.")
    for name in ("lessons", "curvature_share"):
        if teacher is None and was_given(context, name):
            raise SettingsError(f"{_OF_THE_ENCODER[name]} is a teacher's: give one with --teacher DIR.")
    if hard_negative_share == 0 and was_given(context, "hard_negative_from"):
        raise SettingsError("--hard-negative-from would change nothing without a --hard-negative-share above 0.")
    try:
        from moderation.detector.companion import load_companion
        from moderation.training.detector.distillation.lessons import Teacher
        from moderation.training.detector.generated.rows import generated_rows
        from moderation.training.detector.loop import TrainingPlan
        from moderation.training.detector.loop import train as run
    except ImportError as error:
        raise SettingsError(NEEDS_EXPORT) from error
    computing = device_with(threads, device)
    written = [] if generated is None else generated_rows(generated)
    teaching = None if teacher is None else Teacher(load_companion(teacher, threads or None), out)
    plan = TrainingPlan(
        steps=steps,
        batch_texts=batch_texts,
        peak_learning_rate=learning_rate,
        attacked_share=attacked_share,
        hard_negative_share=hard_negative_share,
        hard_negative_from=hard_negative_from,
        group_robust=group_robust,
        all_rows=all_rows,
        seed=seed,
        teacher=teaching.manifest_hash if teaching else "",
        taught_per_stratum=lessons,
        curvature_share=curvature_share,
        generated="" if generated is None else sha256_of(generated),
        bf16=bf16,
    )
    start = _start(start_from, from_config, tokenizer)
    with worked_in_alone(out):
        run(data, out, start, plan, computing, teaching, written, data_manifest)


def pretrain(
    data: _Data,
    out: _Out,
    start_from: _From = None,
    from_config: _FromConfig = None,
    tokenizer: _TokenizerFile = None,
    steps: _Steps = 2000,
    batch_texts: _BatchTexts = 64,
    learning_rate: _LearningRate = 2e-4,
    machine_texts: Annotated[bool, typer.Option("--machine-texts", help="Read texts of machines too.")] = False,
    seed: Seed = 1,
    threads: _Threads = 0,
    device: _Device = "cpu",
    data_manifest: DataManifest = None,
) -> None:
    """Teach an encoder to guess masked words of part A, to begin `moderation detector train --from` with."""
    try:
        from moderation.training.detector.plans import PretrainingPlan
        from moderation.training.detector.pretraining import pretrain as run
    except ImportError as error:
        raise SettingsError(NEEDS_EXPORT) from error
    plan = PretrainingPlan(
        steps=steps,
        batch_texts=batch_texts,
        peak_learning_rate=learning_rate,
        machine_texts=machine_texts,
        seed=seed,
    )
    start = _start(start_from, from_config, tokenizer)
    with worked_in_alone(out):
        run(data, out, start, plan, device_with(threads, device), data_manifest)


def _start(start_from: Path | None, from_config: Path | None, tokenizer: Path | None) -> Start:
    """Return what the options name, by default the MiniLM of the export extra."""
    from moderation.training.detector.pretrained import minilm_directory
    from moderation.training.detector.starting_point import FromConfiguration

    if from_config is None and tokenizer is None:
        return start_from or minilm_directory()
    if from_config is None or tokenizer is None:
        raise SettingsError("--from-config and --tokenizer belong together: give both, or neither.")
    if start_from is not None:
        raise SettingsError("--from and --from-config are two beginnings: give one of them.")
    return FromConfiguration(from_config, tokenizer)


def device_with(threads: int, device: str) -> torch.device:
    """Return the device to compute on, after setting how many threads the CPU may take. Raises SettingsError."""
    import torch

    if device not in ("cpu", "cuda"):
        raise SettingsError(f"--device takes cpu or cuda, not {device!r}.")
    if device == "cuda" and not torch.cuda.is_available():
        raise SettingsError("There is no CUDA device here; leave --device out to compute on the CPU.")
    if threads:
        torch.set_num_threads(threads)
    return torch.device(device)


def was_given(context: typer.Context, name: str) -> bool:
    """Say whether the user gave the option of that parameter, also where it equals the default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _train_ngrams(
    data: Path,
    out: Path,
    unit: NgramUnit,
    seed: int,
    generated: Path | None,
    *,
    all_rows: bool,
    data_manifest: Path | None,
) -> None:
    from rich.console import Console

    try:
        from moderation.training.detector.generated.rows import generated_rows
        from moderation.training.detector.ngrams.fit import NgramPlan, train_ngrams
    except ImportError as error:
        raise SettingsError(NEEDS_EXPORT) from error
    console = Console()
    plan = NgramPlan(unit=unit, seed=seed, all_rows=all_rows)
    written = [] if generated is None else generated_rows(generated)
    figures = train_ngrams(data, out, plan, lambda step: console.print(step, highlight=False), written, data_manifest)
    _print_figures(console, figures)


def _print_figures(console: Console, figures: Figures) -> None:
    from rich.table import Table

    table = Table("source", "AUROC", "TPR at 5 % FPR", "TPR at 1 % FPR", title="texts held out from training")
    for source, row in figures.items():
        table.add_row(source, *(str(row.get(name, "")) for name in ("auroc", "tpr_at_5_percent", "tpr_at_1_percent")))
    console.print(table)
