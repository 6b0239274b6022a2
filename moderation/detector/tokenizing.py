"""How every tokenizer here reads a post: as the letters that stand there."""

from __future__ import annotations

from tokenizers import Tokenizer


def prepared(tokenizer: Tokenizer) -> Tokenizer:
    """Return the tokenizer, set so that it cuts nothing off, pads nothing, and takes no word of a text for a command.

    A post can say ``[MASK]`` or ``<|endoftext|>``; it is then read as the letters that it is.
    """
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer
