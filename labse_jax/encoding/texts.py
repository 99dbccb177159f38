"""What people give as texts, checked; and ids of texts as two arrays."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from labse_jax.base.errors import InputError, unicode_text

# What can be walked through and yet is no list: its elements are numbers, keys, or in any order.
OTHER_THAN_LISTS = (bytes, bytearray, memoryview, Mapping, set, frozenset)


def listed(call: str, texts: str | Iterable[str]) -> list[str]:
  """The texts as a list; raises InputError for what is no list of strings that `call` can take."""
  if isinstance(texts, str):
    unicode_text(texts, f"{call}: ")
    return [texts]
  if _is_no_list(texts):
    raise InputError(f"{call} takes a string or a list of strings; got {_described(texts)}.")
  kind = type(texts).__name__
  texts = list(texts)
  for number, text in enumerate(texts):
    place = f"element {number} (from 0) of the {kind}"
    if not isinstance(text, str):
      raise InputError(f"{call} takes strings; got {type(text).__name__} as {place}.")
    unicode_text(text, f"{call}: {place}: ")
  return texts


def _is_no_list(texts: object) -> bool:
  """Whether it has no elements, or they are bytes, the names of columns, or in no order."""
  if not isinstance(texts, Iterable) or isinstance(texts, OTHER_THAN_LISTS):
    return True
  # Arrays and the tables of pandas say so themselves; a column of a table is a list.
  return getattr(texts, "ndim", 1) != 1


def _described(value: object) -> str:
  """The type of a value, and the dimensions that an array or a table has."""
  name = type(value).__name__
  dimensions = getattr(value, "ndim", None)
  return name if dimensions is None else f"{dimensions}-dimensional {name}"


def padded(tokens: Sequence[np.ndarray], pad: int) -> dict[str, np.ndarray]:
  """{"input_ids", "attention_mask"}, int32 [N, L], of N arrays of ids; `pad` fills them up."""
  shape = (len(tokens), max(map(len, tokens), default=0))
  ids_NL = np.full(shape, pad, np.int32)
  mask_NL = np.zeros(shape, np.int32)
  for row, ids in enumerate(tokens):
    ids_NL[row, : len(ids)] = ids
    mask_NL[row, : len(ids)] = 1
  return {"input_ids": ids_NL, "attention_mask": mask_NL}
