"""Documents, their sentences and the vectors of what alignment compares."""

from typing import NamedTuple

from labse_jax.base import files
from labse_jax.base.errors import InputError
from labse_jax.encoding.encode_functions import encode_distinct


class Document(NamedTuple):
  """The sentences of a file, the places (lines from 0) where they stand, and how many lines."""

  sentences: list
  places: list
  lines: int


class Pair(NamedTuple):
  """A link's score, texts and places in the files."""

  score: float
  source: str
  target: str
  source_places: tuple
  target_places: tuple


def read_document(path):
  """The Document of a text file; raises InputError if it has no sentence."""
  lines = [" ".join(line.split()) for _, line in files.read_lines(path)]  # TSV has no other tabs.
  places = [place for place, line in enumerate(lines) if line]
  if not places:
    raise InputError(f"{path}: has no sentence; there is nothing to align.")
  return Document([lines[place] for place in places], places, len(lines))


def embed(documents, encode, *, sizes):
  """Vectors [sizes, N, D] of each document, as `alignment.align` takes them."""
  texts = [joined(document.sentences, sizes) for document in documents]
  row_of, vectors_VD = encode_distinct(texts, encode)
  return [
    vectors_VD[[[row_of[text] for text in text_N] for text_N in text_KN]] for text_KN in texts
  ]


def joined(sentences, sizes):
  """Lists [sizes][N]: each sentence with up to 0, 1, ... of those before it."""
  return [
    [" ".join(sentences[max(0, i - k) : i + 1]) for i in range(len(sentences))]
    for k in range(sizes)
  ]


def places_of(link, documents):
  return tuple(
    tuple(document.places[i] for i in side)
    for side, document in zip(link[:2], documents, strict=True)
  )


def pair_of(link, documents):
  texts = [
    " ".join(document.sentences[i] for i in side)
    for side, document in zip(link[:2], documents, strict=True)
  ]
  return Pair(link.score, *texts, *places_of(link, documents))


def alone(links, side):
  count, skipped = (
    sum(len(link[side]) for link in links if skip in (None, link.score is None))
    for skip in (None, True)
  )
  return f"{skipped:,} of {count:,}"
