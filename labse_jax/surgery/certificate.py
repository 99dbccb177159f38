"""How far a trimmed model does what the full one does: line by line, by ids and by vectors."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from labse_jax import model_folder
from labse_jax.base.console import progress
from labse_jax.base.types import PathLike
from labse_jax.data.lines import chunks
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.neighbours.unit_vectors import unit
from labse_jax.tokenizer.tokenizer import Tokenizer

SAMPLE = 2000  # So many lines show what a type of storage does to the vectors.


def certify(
  folders: tuple[PathLike, PathLike],
  kept: np.ndarray,
  text: Callable[[], Iterable[tuple[str, str]]],
  *,
  exact: bool,
) -> dict[str, Any]:
  """What two model folders, full and trimmed, do with the lines that text() gives: a dict.

  kept[i] is the full model's id of what is i in the trimmed one. Each call of text() gives
  (place, line) from the beginning. `exact` says that the storage keeps the weights as they were.
  "identical" are the lines whose ids map one to one. Their vectors are bit-identical where the
  storage is exact; else "drift" has what it does to a sample of them. "others" are the rest.
  """
  full, trimmed = map(model_folder.describe, folders)
  same_N, places = same_ids(
    Tokenizer(full.tokenizer_file),
    Tokenizer(trimmed.tokenizer_file),
    kept,
    progress(text(), unit="lines", doing="comparing"),
    full.prompt,
  )
  # Vectors are only computed where they can differ.
  wanted_N = ~same_N if exact else ~same_N | sampled(same_N)
  cosine_N = np.full(len(same_N), np.nan)
  if wanted_N.any():
    full_encoder, trimmed_encoder = map(SentenceEncoder.load, folders)
    lines = (line for (_, line), wanted in zip(text(), wanted_N, strict=True) if wanted)
    cosine_N[wanted_N] = cosines(
      full_encoder, trimmed_encoder, progress(lines, unit="lines", doing="encoding")
    )
  return {
    "lines": len(same_N),
    "identical": {"lines": int(same_N.sum()), "share": float(same_N.mean())},
    "drift": None if exact else summary(cosine_N[wanted_N & same_N]),
    "others": summary(cosine_N[~same_N]) | {"places": places},
  }


def same_ids(
  full: Tokenizer,
  trimmed: Tokenizer,
  kept: np.ndarray,
  text: Iterable[tuple[str, str]],
  prompt: str,
) -> tuple[np.ndarray, list[str]]:
  """Returns (bool [N]: whether two Tokenizers split each line alike, the places of the others)."""
  new_V = np.full(1 + max(full.backend.get_vocab().values()), -1)
  new_V[kept] = np.arange(len(kept))
  same = []
  others = []
  for chunk in chunks(text):
    sentences = [prompt + line for _, line in chunk]
    pairs = zip(full.encode_whole(sentences), trimmed.encode_whole(sentences), strict=True)
    for (place, _), (ids, new_ids) in zip(chunk, pairs, strict=True):
      is_same = np.array_equal(new_V[ids], new_ids)
      same.append(is_same)
      if not is_same:
        others.append(place)
  return np.array(same, bool), others


def sampled(same_N: np.ndarray) -> np.ndarray:
  """bool [N]: at most SAMPLE of the lines that are the same, evenly over the text."""
  members = np.flatnonzero(same_N)
  count = min(SAMPLE, len(members))
  sample_N = np.zeros(len(same_N), bool)
  sample_N[members[np.arange(count) * len(members) // max(count, 1)]] = True
  return sample_N


def cosines(full: SentenceEncoder, trimmed: SentenceEncoder, lines: Iterable[str]) -> np.ndarray:
  """cosine_N, float64, between the vectors that two SentenceEncoders give each line."""
  found = []
  for chunk in chunks(lines):
    x_ND = full.encode(chunk, warn=False).astype(float)
    y_ND = trimmed.encode(chunk, warn=False).astype(float)
    found.append((unit(x_ND) * unit(y_ND)).sum(1))
  return np.concatenate(found)


def summary(cosine_N: np.ndarray) -> dict[str, Any]:
  """The count, the worst and the mean of cosines; the two are None where there are none."""
  if not len(cosine_N):
    return {"lines": 0, "worst_cosine": None, "mean_cosine": None}
  return {
    "lines": len(cosine_N),
    "worst_cosine": cosine_N.min(),
    "mean_cosine": cosine_N.mean(),
  }
