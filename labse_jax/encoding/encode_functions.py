"""Functions from texts to vectors, and what calls them."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.base.types import Encode, PathLike
from labse_jax.encoding import vector_files

if TYPE_CHECKING:  # Late where it runs: `--help` does not wait for JAX.
  from tqdm import tqdm

  from labse_jax.encoding.sentence_encoder import SentenceEncoder


def load_encode(model: PathLike, *, dtype: str = "float32", prompt: str | None = None) -> Encode:
  """A function from sentences to unit vectors, float32 [N, D].

  `model` is a sentence-transformers folder, or a .npy file of vectors that another system made.
  """
  if vector_files.is_stored(model):
    return vector_files.load_encode(model)
  # Late: `--help` does not wait for JAX.
  from labse_jax.encoding.sentence_encoder import SentenceEncoder

  encoder = SentenceEncoder.load(model, dtype=dtype)
  return encode_function(encoder, prompt=prompt, progress=True)


def encode_function(
  encoder: "SentenceEncoder",
  *,
  prompt: str | None = None,
  progress: bool = False,
  warn: bool = True,
) -> Encode:
  """A function from sentences to unit vectors, float32 [N, D], by a SentenceEncoder.

  `progress` shows a bar on a terminal; the other options are those of `SentenceEncoder.encode`.
  """
  show_progress_bar = None if progress else False  # None: where there is a terminal.

  def encode(texts):
    return encoder.encode(
      texts,
      normalize_embeddings=True,
      prompt=prompt,
      show_progress_bar=show_progress_bar,
      warn=warn,
    )

  return encode


def encode_distinct(
  pairs: Iterable[Iterable[Sequence[str]]], encode: Encode
) -> tuple[dict[str, int], np.ndarray]:
  """Encodes each distinct text of pairs of texts once; returns ({text: row}, vectors [N, D]).

  English sides repeat between languages. Raises InputError where a vector is not finite.
  """
  distinct: dict[str, None] = {}
  for sides in pairs:
    for side in sides:
      distinct.update(dict.fromkeys(side))
  texts = list(distinct)
  vectors_ND = np.asarray(encode(texts), np.float32)
  finite_N = np.isfinite(vectors_ND).all(axis=1)
  if not finite_N.all():
    bad = texts[int(np.argmin(finite_N))]
    raise InputError(f"The model's vector of {bad!r} is not finite: its weights are damaged.")
  row_of = {text: row for row, text in enumerate(texts)}
  return row_of, vectors_ND


def encode_once(
  encoder: "SentenceEncoder", texts: Sequence[str], prompt: str | None, bar: "tqdm"
) -> tuple[np.ndarray, int, int]:
  """Encodes each distinct one of N texts once, and moves `bar` by the texts that are done.

  Returns (unit vectors [N, P] float16, distinct texts that were cut, distinct texts).
  """
  row_N, first_U = number_distinct(texts)
  times_U = np.bincount(row_N)
  distinct = [texts[place] for place in first_U]
  vectors_UP = np.empty((len(distinct), encoder.dimension), np.float16)
  cut = 0
  # In the encoder's own chunks, so that the bar moves while a long list is encoded.
  chunk = encoder.chunk_size()
  for start in range(0, len(distinct), chunk):
    part = slice(start, start + chunk)
    vectors_UP[part], part_cut = encoder.encode_counted(
      distinct[part], prompt=prompt, normalize_embeddings=True
    )
    cut += part_cut
    bar.update(int(times_U[part].sum()))
  return vectors_UP[row_N], cut, len(distinct)


def number_distinct(texts: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
  """Numbers the U distinct ones of N texts; returns (each text's number [N], first places [U])."""
  number_of: dict[str, int] = {}
  first: list[int] = []
  for place, text in enumerate(texts):
    if text not in number_of:
      number_of[text] = len(first)
      first.append(place)
  number_N = np.array([number_of[text] for text in texts])
  return number_N, np.array(first)
