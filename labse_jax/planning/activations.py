"""How much memory a training step takes where it keeps all activations: before it is compiled."""

from collections.abc import Mapping
from typing import Any

# What a token keeps in a layer for the way back, in numbers of the model's dtype: so many widths of
# the model, of its feed-forward network, and of all scores of the token. Of BERT-base compiled for
# an H100, 32,768 tokens, they gave 0.98 to 1.04 of the temporaries; on CPUs they are too high.
WIDTHS = 8.5
MLP_WIDTHS = 2
SCORES = 2  # Scores and their softmax; a fused kernel keeps neither.
BYTES = {"float32": 4, "bfloat16": 2}
STATE = 16  # Bytes a parameter: float32 weights, two moments of AdamW, a gradient.


def activation_bytes(
  model: Mapping[str, Any], *, tokens: int, length: int, dtype: str, fused: bool
) -> float:
  """Bytes that the layers of a `model` section keep of `tokens`, in rows of `length`."""
  numbers = WIDTHS * model["width"] + MLP_WIDTHS * model["mlp_width"]
  if not fused:
    numbers += SCORES * model["heads"] * length
  return float(tokens * model["depth"] * numbers * BYTES[dtype])


def state_bytes(model: Mapping[str, Any], *, fsdp: int) -> float:
  """Bytes that the weights of a `model` section take on a device, with what AdamW keeps of them."""
  width = model["width"]
  layer = 4 * width**2 + 2 * width * model["mlp_width"]
  return STATE * (model["vocab_size"] * width + model["depth"] * layer) / fsdp
