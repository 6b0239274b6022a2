"""Computes the last layer for the first token only, because classification heads of the BERT family use no other.

This saves most of one layer: the feed-forward network and the query are computed for one token. The parity in the
manifest compares with the unchanged checkpoint, so that it includes this change.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel

_HEADS_READ_THE_FIRST_TOKEN = frozenset({"bert", "roberta", "xlm-roberta", "camembert"})


class _FirstTokenLayer(nn.Module):
    """Replaces an encoder layer of the BERT family; returns shape (texts, 1, hidden) for (texts, tokens, hidden)."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, hidden_states: Tensor, attention_mask: Tensor | None = None, *_: Any, **__: Any) -> Tensor:
        attention = self.layer.attention
        own = attention.self
        first = hidden_states[:, :1]

        def heads(projected: Tensor) -> Tensor:
            return projected.view(*projected.shape[:-1], -1, own.attention_head_size).transpose(1, 2)

        read = nn.functional.scaled_dot_product_attention(
            heads(own.query(first)),
            heads(own.key(hidden_states)),
            heads(own.value(hidden_states)),
            attn_mask=None if attention_mask is None else attention_mask[:, :, :1],
            scale=own.scaling,
        )
        attended = attention.output(read.transpose(1, 2).flatten(2), first)
        out: Tensor = self.layer.feed_forward_chunk(attended)
        return out


@contextmanager
def last_layer_for_first_token(network: nn.Module) -> Iterator[None]:
    """Let the classifier in *network* compute its last layer for the first token only, within the block.

    Classifiers of other families are not changed, nor is the head of `moderation detector train`, which also uses the
    mean token.
    """
    classifier: Any = next((part for part in network.modules() if isinstance(part, PreTrainedModel)), None)
    if classifier is None or not _reads_the_first_token_only(classifier):
        yield
        return
    layers = classifier.base_model.encoder.layer
    whole = layers[-1]
    layers[-1] = _FirstTokenLayer(whole)
    try:
        yield
    finally:
        layers[-1] = whole


def _reads_the_first_token_only(classifier: PreTrainedModel) -> bool:
    of_the_family = classifier.config.model_type in _HEADS_READ_THE_FIRST_TOKEN
    return of_the_family and type(classifier).__name__.endswith("ForSequenceClassification")
