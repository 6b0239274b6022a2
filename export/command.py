"""``moderation export``: from a checkpoint to a bundle that the sidecar runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moderation.errors import SettingsError

if TYPE_CHECKING:
    from moderation.detector.manifest import NgramFile, Parity, Precision, PrecisionFile

app = typer.Typer(add_completion=False)


@app.command()
def export(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            help="Hugging Face sequence-classification directory, one of ours, or a training run of n-grams alone."
        ),
    ],
    out: Annotated[Path, typer.Argument(help="Directory of the bundle; an older bundle there is replaced.")],
    precision: Annotated[
        str, typer.Option(help="fp32, fp16 (for CUDA), int8 (for the CPU); several with commas.")
    ] = "int8",
    name: Annotated[str | None, typer.Option(help="Name of the bundle (that of the directory).")] = None,
    machine_label: Annotated[str | None, typer.Option(help="Label, by name or number, for machine-written.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Tokens of a section (at most 510).")] = None,
    probes: Annotated[Path | None, typer.Option(help="JSON list of texts with labels that prove the polarity.")] = None,
    texts: Annotated[
        Path | None,
        typer.Option(
            help="JSONL of text, label and, where known, lang, source and group, outside the training data: they "
            "decide on parity, pooling, the least length and the calibration."
        ),
    ] = None,
    ngrams: Annotated[
        Path | None, typer.Option(help="Training run of n-grams to read beside the encoder; needs --texts.")
    ] = None,
    ngrams_share: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="Weight of the n-grams; the rest is the encoder's.")
    ] = 0.5,
    training: Annotated[Path | None, typer.Option(help="JSON object: training data, recipe.")] = None,
    notice: Annotated[Path | None, typer.Option(help="NOTICE file that goes into the bundle.")] = None,
    licence: Annotated[str, typer.Option(help="Licence of the weights.")] = "unstated",
    accept_auroc_loss: Annotated[
        bool, typer.Option("--accept-auroc-loss", help="Export a precision whose AUROC differs from fp32's.")
    ] = False,
) -> None:
    """Turn a checkpoint into a bundle: ONNX with fused attention, precisions, parity, proved polarity, manifest."""
    try:
        from rich.console import Console
        from rich.table import Table

        from export.bundle import BundleOrder, write_bundle
        from export.labelled_texts import read_labelled_texts
        from export.probes import DEFAULT_PROBES
        from moderation.detector.manifest import read_manifest
    except ImportError as error:
        raise SettingsError("Exporting needs PyTorch: pip install 'moderation-sidecar[export]'.") from error
    order = BundleOrder(
        name=name or out.resolve().name,
        precisions=_precisions(precision),
        machine_label=machine_label,
        max_tokens=max_tokens,
        probes=probes or DEFAULT_PROBES,
        texts=read_labelled_texts(texts) if texts else (),
        ngrams=ngrams,
        ngrams_share=ngrams_share,
        texts_are=f"{texts.name}, given at export" if texts else "nothing",
        training=training,
        notice=notice,
        licence=licence,
        accept_auroc_loss=accept_auroc_loss,
    )
    manifest, manifest_hash = read_manifest(write_bundle(checkpoint, out, order))
    heads = ("part", "file", "MB", "largest logit difference", "AUROC", "AUROC at fp32")
    table = Table(*heads, title=f"{manifest.name} {manifest_hash[:12]}")
    graphs: list[tuple[str, PrecisionFile | NgramFile]] = [*manifest.precisions.items()]
    if manifest.ngrams is not None:
        graphs.append(("n-grams", manifest.ngrams))
    for kind, entry in graphs:
        size = (out / entry.file).stat().st_size / 1e6
        table.add_row(kind, entry.file, f"{size:.1f}", *_compared(entry.parity))
    for precision, file in manifest.precisions.items():
        if file.shipped_parity is not None:
            table.add_row(f"whole, {precision}", "against itself at fp32", "", *_compared(file.shipped_parity))
    console = Console()
    console.print(table)
    pooling = manifest.pooling
    console.print(f"Sections are joined by the {pooling.rule}, chosen on {pooling.chosen_on}.", markup=False)
    if manifest.least_tokens > 1:
        console.print(f"Texts of fewer than {manifest.least_tokens} tokens are abstained from.", markup=False)
    if manifest.scripts:
        known = " and ".join(name.capitalize() for name in manifest.scripts)
        console.print(f"So are texts whose letters are mostly in another script than {known}.", markup=False)


def _compared(parity: Parity) -> tuple[str, str, str]:
    of_precision, of_fp32 = ("" if auroc is None else f"{auroc:.4f}" for auroc in (parity.auroc, parity.auroc_of_fp32))
    return f"{parity.largest_logit_difference:.2g}", of_precision, of_fp32


def _precisions(wanted: str) -> tuple[Precision, ...]:
    known: tuple[Precision, ...] = ("fp32", "fp16", "int8")
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    chosen = tuple(kind for kind in known if kind in names)
    if not chosen or len(chosen) != len(set(names)):
        raise SettingsError(f"--precision takes fp32, fp16 and int8, with commas between them, not {wanted!r}.")
    return chosen
