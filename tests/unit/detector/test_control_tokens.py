"""Special tokens in a post are treated as text."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from export.checkpoint import load_checkpoint
from moderation.detector import load_detector
from moderation.detector.loading import cutter_of
from moderation.detector.manifest import SpecialTokens, read_manifest
from moderation.detector.sections import Cutter, SectionCutter
from moderation.detector.shipped import SHIPPED
from moderation.lab.checkpoints.vocabulary import tokenizer_in
from moderation.lab.detector.batches import tokenise
from moderation.lab.textdata.rows import TextRow
from tests.unit.export.conftest import write_checkpoint

_COMMANDS = ("[MASK]", "[PAD]", "[CLS]", "[SEP]", "[UNK]")
_TEXT = "It is important to note that there are several factors to consider when choosing a solution."


def _tokenizer() -> Tokenizer:
    return tokenizer_in(SHIPPED / "tokenizer.json")


def _cutter() -> Cutter:
    return cutter_of(SHIPPED, read_manifest(SHIPPED)[0])


@pytest.mark.parametrize("command", _COMMANDS)
def test_special_token_in_a_post_is_tokenised_as_text(command: str) -> None:
    assert _tokenizer().token_to_id(command) is not None
    commanded, spelt = (_TEXT.replace(" ", f" {word} ") for word in (command, command.lower()))
    assert _cutter().token_ids(commanded) == _cutter().token_ids(spelt)
    assert len(_cutter().token_ids(commanded)) > 2 * len(_cutter().token_ids(_TEXT))


def test_mask_token_in_a_post_hides_no_words() -> None:
    detector = load_detector(SHIPPED, threads=1)
    special, spelt = detector.score([_TEXT.replace(" ", f" {word} ") for word in ("[MASK]", "[mask]")])
    assert special.logit == pytest.approx(spelt.logit, abs=1e-4)


def test_training_and_scoring_tokenise_alike() -> None:
    text = f"one {' '.join(_COMMANDS)} two"
    tokens = tokenise([TextRow("1", "ours", 0, "g", text, "", "permissive")], _tokenizer()).tokens
    assert tuple(tokens.of(0).tolist()) == _cutter().token_ids(text)


def test_special_tokens_in_the_vocabulary_are_replaced() -> None:
    pieces = [(name, 0.0) for name in ("<s>", "<pad>", "</s>", "<unk>")] + [("\u2581", -2.0), ("\u2581word", -3.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(["<s>", "</s>"])
    cutter = SectionCutter(tokenizer, SpecialTokens(first=0, last=2, pad=1), 126, 65536)
    (section,) = cutter.cut("word </s> word <pad> word").sections
    assert not set(section.ids[1:-1].tolist()) & {0, 1, 2}
    assert len(section.ids) == len(cutter.token_ids("word </s> word <pad> word")) + 2


def test_export_tokenises_special_tokens_as_text(tmp_path: Path) -> None:
    assert load_checkpoint(write_checkpoint(tmp_path / "bert", "bert")).tokenizer.encode_special_tokens
