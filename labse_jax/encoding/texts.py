"""What people give as texts, checked; and ids of texts as two arrays."""

from collections.abc import Iterable, Sequence

import numpy as np

from labse_jax.base.errors import InputError, unicode_text


def listed(call: str, texts: str | Iterable[str]) -> list[str]:
  """The texts as a list; raises InputError for what is no list of strings that `call` can take."""
  if isinstance(texts, str):
    texts = [texts]
  if isinstance(texts, bytes | dict) or not isinstance(texts, Iterable):
    raise InputError(f"{call} takes a string or a list of strings; got {type(texts).__name__}.")
  texts = list(texts)
  for text in texts:
    if not isinstance(text, str):
      raise InputError(f"{call} takes strings; got {type(text).__name__}.")
    unicode_text(text, f"{call}: ")
  return texts


def padded(tokens: Sequence[np.ndarray], pad: int) -> dict[str, np.ndarray]:
  """{"input_ids", "attention_mask"}, int32 [N, L], of N arrays of ids; `pad` fills them up."""
  shape = (len(tokens), max(map(len, tokens), default=0))
  ids_NL = np.full(shape, pad, np.int32)
  mask_NL = np.zeros(shape, np.int32)
  for row, ids in enumerate(tokens):
    ids_NL[row, : len(ids)] = ids
    mask_NL[row, : len(ids)] = 1
  return {"input_ids": ids_NL, "attention_mask": mask_NL}
