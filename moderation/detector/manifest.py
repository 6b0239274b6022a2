"""The content of ``manifest.json`` of a detector bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from moderation.detector.bundle_files import BundleKind, read_content, validated, verify_files
from moderation.detector.pooling import DEFAULT_RULE, PoolingRule

FORMAT_VERSION = 5
DETECTOR = BundleKind(None, FORMAT_VERSION, "detector bundle", "`moderation export`")
MAX_SECTION_TOKENS = 510
MAX_SECTION_CHARACTERS = 10_000

Precision = Literal["fp32", "fp16", "int8"]
NgramUnit = Literal["characters", "words"]
"""The unit of n-grams."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SpecialTokens(_Part):
    """The ids that surround and pad a section."""

    first: int
    last: int
    pad: int


class Parity(_Part):
    """Differences of logits from a reference, over *texts* texts.

    *auroc* and *auroc_of_fp32* are the AUROC of this precision and of the fp32 graph on all labelled texts of the
    export, None without such texts.
    """

    texts: int
    largest_logit_difference: float
    mean_logit_difference: float
    auroc: float | None = None
    auroc_of_fp32: float | None = None


class Band(_Part):
    """Platt scaling for texts of more than *over_tokens* and at most *up_to_tokens* tokens (None: no upper limit).

    *language* is the primary subtag of the declared language (None: any, or none declared).
    """

    over_tokens: int = Field(0, ge=0)
    up_to_tokens: int | None
    language: str | None = None
    slope: float = Field(gt=0)
    intercept: float
    rows: int = 0

    def covers(self, n_tokens: int) -> bool:
        """Return whether the band covers texts of *n_tokens* tokens."""
        return self.over_tokens < n_tokens and (self.up_to_tokens is None or n_tokens <= self.up_to_tokens)


class Calibration(_Part):
    """Calibration of logits to probabilities; *fitted_on* describes the texts.

    *provider* is the onnxruntime provider that computed the scores of the fit, None where unknown.
    """

    method: str
    fitted_on: str
    provider: str | None = None
    bands: tuple[Band, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _every_text_has_a_band(self) -> Calibration:
        general = [band for band in self.bands if band.language is None]
        for begin in {1, *(band.up_to_tokens + 1 for band in general if band.up_to_tokens is not None)}:
            if not any(band.covers(begin) for band in general):
                raise ValueError(f"no band for texts of {begin} tokens in any language")
        return self


class PrecisionFile(_Part):
    """One ONNX file; *batch_independent*: scores do not depend on the other texts of a batch.

    *parity* compares with the checkpoint in PyTorch; the export refuses an fp32 graph that differs by more than 1e-3.
    *shipped_parity* compares the logits of the bundle for complete texts, n-grams and pooling included, with those at
    fp32; None where the export had no texts, or for older bundles.
    """

    file: str
    batch_independent: bool
    parity: Parity
    shipped_parity: Parity | None = None
    calibration: Calibration


class NgramFile(_Part):
    """N-grams of characters or words, with the encoder or instead of it.

    The logit of a section is ``weight_encoder`` × that of the encoder + ``weight_ngrams`` × that of the n-grams +
    ``offset``. Without an encoder the first weight is 0 and a section has at most *max_characters*. *parity* compares
    with scikit-learn.
    """

    file: str
    unit: NgramUnit = "characters"
    weight_encoder: float = Field(ge=0, allow_inf_nan=False)
    weight_ngrams: float = Field(gt=0, allow_inf_nan=False)
    offset: float = Field(allow_inf_nan=False)
    max_characters: int = Field(ge=1, le=MAX_SECTION_CHARACTERS)
    parity: Parity
    calibration: Calibration | None = None
    """Calibration without an encoder; with an encoder the precisions have the calibrations."""


class Probe(_Part):
    """A labelled text that verifies the polarity of the logit and the tokenizer at every load."""

    text: str
    label: Literal[0, 1]
    token_ids: tuple[int, ...]


class Pooling(_Part):
    """How the logits of sections are pooled; *candidates* has the figure of each rule, described by *chosen_on*.

    *on_texts_as_they_are* has the AUROC of each rule on texts of all lengths, where it was measured.
    """

    rule: PoolingRule = DEFAULT_RULE
    chosen_on: str = "nothing"
    candidates: dict[PoolingRule, float] = Field(default_factory=dict)
    on_texts_as_they_are: dict[PoolingRule, float] = Field(default_factory=dict)


class LengthPoint(_Part):
    """The AUROC within sources of texts cut to their first *tokens* tokens, with its 95 % interval.

    *humans* and *machines* count the texts of at least that length, of all sources. AUROC and interval are None where
    there were too few texts.
    """

    tokens: int
    humans: int
    machines: int
    auroc: float | None
    interval: tuple[float, float] | None


class EncoderParts(NamedTuple):
    """The parts of a manifest that describe the encoder."""

    tokenizer: str
    special_tokens: SpecialTokens
    max_tokens: int


class Manifest(_Part):
    """The content of ``manifest.json``. ``files`` has the SHA-256 of every other file of the bundle.

    A bundle of n-grams only has no precisions and no tokenizer; the ``token_ids`` of its probes are code points. The
    detector abstains on a text of fewer than *least_tokens* tokens (chosen from *length_curve*) and on a text most of
    whose letters are in none of *scripts*, Unicode script names such as LATIN; with empty *scripts* all are scored.
    """

    format_version: int
    name: str
    files: dict[str, str]
    tokenizer: str | None = "tokenizer.json"
    precisions: dict[Precision, PrecisionFile]
    ngrams: NgramFile | None = None
    max_tokens: int | None = Field(default=None, ge=1, le=MAX_SECTION_TOKENS)
    special_tokens: SpecialTokens | None = None
    probes: tuple[Probe, ...]
    pooling: Pooling = Pooling()
    least_tokens: int = Field(1, ge=1)
    length_curve: tuple[LengthPoint, ...] = ()
    scripts: tuple[str, ...] = ()
    training: dict[str, Any]
    licence: str

    @property
    def encoder(self) -> EncoderParts | None:
        """The parts for the encoder; None in a bundle without one."""
        if not self.precisions or self.tokenizer is None or self.special_tokens is None or self.max_tokens is None:
            return None
        return EncoderParts(self.tokenizer, self.special_tokens, self.max_tokens)

    def calibration_at(self, precision: Precision | None) -> Calibration:
        """Return the calibration of scores whose encoder runs at *precision*, or of n-grams only."""
        if precision is not None:
            return self.precisions[precision].calibration
        assert self.ngrams is not None, "refused at reading"  # nosec B101  # narrows a type; checked before
        assert self.ngrams.calibration is not None, "refused at reading"  # nosec B101  # narrows a type; checked before
        return self.ngrams.calibration

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.precisions and self.encoder is None:
            raise ValueError("a bundle with precisions needs tokenizer, special_tokens and max_tokens")
        if self.ngrams is None:
            if not self.precisions:
                raise ValueError("the bundle needs precisions or ngrams")
            return self
        if bool(self.precisions) != bool(self.ngrams.weight_encoder):
            raise ValueError("ngrams.weight_encoder must be above 0 with precisions, and 0 without")
        if bool(self.precisions) == bool(self.ngrams.calibration):
            raise ValueError("ngrams.calibration is required without precisions, and not allowed with them")
        return self


def read_manifest(bundle: Path) -> tuple[Manifest, str]:
    """Return the manifest of *bundle* and the SHA-256 of its bytes, after verifying the hash of every file.

    Raises BundleError for a missing, damaged or inconsistent bundle, or one of another format or kind.
    """
    content = read_content(bundle, DETECTOR)
    manifest = validated(Manifest, content, DETECTOR)
    needed = {precision.file for precision in manifest.precisions.values()}
    needed |= {manifest.tokenizer} if manifest.tokenizer is not None else set()
    needed |= {manifest.ngrams.file} if manifest.ngrams is not None else set()
    verify_files(bundle, manifest.files, needed, DETECTOR)
    return manifest, content.sha256
