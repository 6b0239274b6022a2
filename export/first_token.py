"""The last layer for the first token alone: the classification heads of the BERT family read no other.

Saves most of one layer in every post: the feed-forward network and the query of a whole text become those of one
token. The parity in the manifest is measured against the checkpoint as it is, so it covers this too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel

_HEADS_READ_THE_FIRST_TOKEN = frozenset({"bert", "roberta", "xlm-roberta", "camembert"})


class _FirstTokenLayer(nn.Module):
    """Stands for an encoder layer of the BERT family; gives shape (texts, 1, hidden) for (texts, tokens, hidden)."""

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
    """Within the block the classifier in *network* computes its last layer for the first token alone.

    Classifiers of other families, and our own head, which reads the mean token too, stay as they are.
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
