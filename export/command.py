"""``moderation export``: convert a checkpoint to a bundle that the sidecar runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moderation.errors import SettingsError

if TYPE_CHECKING:
    from rich.table import Table

    from moderation.detector.manifest import Manifest, NgramFile, Parity, Precision, PrecisionFile

app = typer.Typer(add_completion=False)


@app.command()
def export(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            help="Directory of a Hugging Face sequence classifier, of `moderation detector train`, or of n-grams only."
        ),
    ],
    out: Annotated[Path, typer.Argument(help="Directory of the bundle; an older bundle there is replaced.")],
    precision: Annotated[
        str, typer.Option(help="fp32, fp16 (for CUDA), int8 (for the CPU); several separated by commas.")
    ] = "int8",
    name: Annotated[str | None, typer.Option(help="Name of the bundle; default: that of the directory.")] = None,
    machine_label: Annotated[str | None, typer.Option(help="Name or number of the label for machine text.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Maximum number of tokens of a section (at most 510).")] = None,
    probes: Annotated[Path | None, typer.Option(help="JSON list of labelled texts that verify the polarity.")] = None,
    texts: Annotated[
        Path | None,
        typer.Option(
            help="JSONL of text, label and, where known, lang, source and group, outside the training data: for "
            "parity, pooling, the minimum length and the calibration."
        ),
    ] = None,
    ngrams: Annotated[
        Path | None, typer.Option(help="Training run of n-grams to combine with the encoder; needs --texts.")
    ] = None,
    ngrams_share: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="Weight of the n-grams; the encoder has the rest.")
    ] = 0.5,
    training: Annotated[Path | None, typer.Option(help="JSON file: an object with training data and recipe.")] = None,
    notice: Annotated[Path | None, typer.Option(help="NOTICE file to copy into the bundle.")] = None,
    licence: Annotated[str, typer.Option(help="Licence of the weights.")] = "unstated",
    accept_auroc_loss: Annotated[
        bool, typer.Option("--accept-auroc-loss", help="Also export a precision whose AUROC differs from that of fp32.")
    ] = False,
) -> None:
    """Convert a checkpoint to a bundle: ONNX graphs with verified parity and polarity, tokenizer and manifest."""
    try:
        from export.bundle import BundleOrder, write_bundle
        from export.labelled_texts import read_labelled_texts
        from export.probes import DEFAULT_PROBES
        from moderation.detector.manifest import read_manifest
    except ImportError as error:
        raise SettingsError("Exporting needs PyTorch: pip install -e '.[export]' in its source directory.") from error
    order = BundleOrder(
        name=name or out.resolve().name,
        precisions=_precisions(precision),
        machine_label=machine_label,
        max_tokens=max_tokens,
        probes=probes or DEFAULT_PROBES,
        texts=read_labelled_texts(texts) if texts else (),
        ngrams=ngrams,
        ngrams_share=ngrams_share,
        texts_description=f"{texts.name}, given at export" if texts else "nothing",
        training=training,
        notice=notice,
        licence=licence,
        accept_auroc_loss=accept_auroc_loss,
    )
    _print_summary(*read_manifest(write_bundle(checkpoint, out, order)), out)


def _print_summary(manifest: Manifest, manifest_hash: str, out: Path) -> None:
    from rich.console import Console

    console = Console()
    console.print(_parity_table(manifest, f"{manifest.name} {manifest_hash[:12]}", out))
    pooling = manifest.pooling
    console.print(f"Sections are pooled by the {pooling.rule}, chosen on {pooling.chosen_on}.", markup=False)
    if manifest.least_tokens > 1:
        console.print(f"The detector abstains on texts of fewer than {manifest.least_tokens} tokens.", markup=False)
    if manifest.scripts:
        scripts = " and ".join(name.capitalize() for name in manifest.scripts)
        console.print(f"The detector abstains on texts whose letters are mostly not {scripts}.", markup=False)


def _parity_table(manifest: Manifest, title: str, out: Path) -> Table:
    from rich.table import Table

    heads = ("part", "file", "MB", "largest logit difference", "AUROC", "AUROC at fp32")
    table = Table(*heads, title=title)
    graphs: list[tuple[str, PrecisionFile | NgramFile]] = [*manifest.precisions.items()]
    if manifest.ngrams is not None:
        graphs.append(("n-grams", manifest.ngrams))
    for kind, entry in graphs:
        size = (out / entry.file).stat().st_size / 1e6
        table.add_row(kind, entry.file, f"{size:.1f}", *_compared(entry.parity))
    for precision, file in manifest.precisions.items():
        if file.shipped_parity is not None:
            table.add_row(f"bundle, {precision}", "compared with fp32", "", *_compared(file.shipped_parity))
    return table


def _compared(parity: Parity) -> tuple[str, str, str]:
    of_precision, of_fp32 = ("" if auroc is None else f"{auroc:.4f}" for auroc in (parity.auroc, parity.auroc_of_fp32))
    return f"{parity.largest_logit_difference:.2g}", of_precision, of_fp32


def _precisions(wanted: str) -> tuple[Precision, ...]:
    known: tuple[Precision, ...] = ("fp32", "fp16", "int8")
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    chosen = tuple(kind for kind in known if kind in names)
    if not chosen or len(chosen) != len(set(names)):
        raise SettingsError(f"--precision must list fp32, fp16 or int8, separated by commas, got {wanted!r}.")
    return chosen
