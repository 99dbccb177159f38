"""Architectures that several experiments share."""

from typing import Any

# Feng et al. 2022, sec. 3.1 (BERT-base); the sizes as in the released model.
LABSE_MODEL: dict[str, Any] = dict(
  vocab_size=501_153,
  width=768,
  depth=12,
  heads=12,
  mlp_width=3_072,
  positions=512,
  types=2,
  dropout=0.1,
  attention_dropout=0.1,
  epsilon=1e-12,
  activation="gelu",
)
LABSE_HEAD: dict[str, Any] = dict(pooling="cls", dense=768, dense_activation="tanh")


def tiny(model: dict[str, Any]) -> dict[str, Any]:
  """The same in the form that a laptop trains in seconds, for vocabularies of up to 16,000."""
  small = dict(vocab_size=16_000, width=32, depth=4, heads=4, mlp_width=64)
  return model | small | dict(dropout=0.0, attention_dropout=0.0)
