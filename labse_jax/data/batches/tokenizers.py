"""What the batches ask of a tokenizer."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np


class Tokenizer(Protocol):
  """What makes ids of sentences; `labse_jax.tokenizer.tokenizer.Tokenizer` is one."""

  def __len__(self) -> int:
    """One more than the highest id."""

  def encode(self, sentences: list[str], length: int, /) -> tuple[list[np.ndarray], int]:
    """Returns (ids of each sentence, at most `length` of them, number of sentences cut)."""

  def encode_whole(self, texts: list[str], /) -> list[np.ndarray]:
    """The ids of texts of any length."""

  @property
  def special_ids(self) -> Mapping[str, int]:
    """{"pad": id, ...}."""

  @property
  def all_special(self) -> np.ndarray:
    """The ids of all special tokens."""

  @property
  def word_starts(self) -> np.ndarray:
    """bool [len]: whether a piece begins a word."""
