"""Documents, their sentences, and the vectors that alignment compares."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from labse_jax.base import console, files
from labse_jax.base.errors import InputError
from labse_jax.base.types import Encode, PathLike
from labse_jax.data.visible_text import folded
from labse_jax.encoding.encode_functions import encode_distinct
from labse_jax.mining.alignment import Link, align, excess
from labse_jax.mining.alignment_scores import Places
from labse_jax.mining.joined_texts import Texts, corrected, guessed
from labse_jax.mining.pair_files import ScoredPair

# In the unit of costs, where 1 is a pair of chance sentences. On the documents "choosing" of
# benchmarks/alignment.py, a SLACK of 0.3 alone encoded more texts, for 0.002 less lax F1.
SLACK = 0.2
SLACK_SEVERAL = 0.3  # For texts with a sentence of a pair that has several on both sides.
SLACK_ALONE = 0.7  # For texts with a sentence that would have no partner.

T = TypeVar("T")


class Document(NamedTuple):
  """The sentences of a file, their places (line numbers from 0), and how many lines it has."""

  sentences: list[str]
  places: list[int]
  lines: int


def read_document(path: PathLike) -> Document:
  """The Document of a text file, a sentence a line; raises InputError if it has no sentence."""
  sentences = []
  places = []
  count = 0
  for number, line in files.read_lines(path):
    count = number
    sentence = folded(line)  # A tab would be another column of a TSV file.
    if sentence:
      sentences.append(sentence)
      places.append(number - 1)
  if not sentences:
    raise InputError(f"{path}: has no sentence; there is nothing to align.")
  return Document(sentences, places, count)


def lengths_of(documents: Iterable[Document]) -> list[list[int]]:
  """The characters of each sentence of each document."""
  return [[len(sentence) for sentence in document.sentences] for document in documents]


def embed(documents: Sequence[Document], encode: Encode, *, largest: int) -> tuple[Texts, Texts]:
  """The Texts of the two documents, as `alignment.align` takes them.

  Encoding takes nearly all of the time, and most of it would go to joined texts that no alignment
  needs. So the sentences are encoded first. The vectors of joined texts are guessed from them, and
  only those are encoded that stand in an alignment which the guesses put within SLACK of the best.
  Where a sentence would then have no partner, or a pair several on both sides, the right texts may
  be missing. So more texts with these sentences are encoded.
  """
  vectors = _Vectors(encode)
  sentences = [sentence for document in documents for sentence in document.sentences]
  vectors.learn(sentences, "sentences")
  guesses = [guessed(vectors.of(document.sentences), largest - 1) for document in documents]
  lengths = lengths_of(documents)
  x, y = guesses
  excesses = excess(x, y, lengths, largest=largest, most=SLACK_ALONE)
  chosen = [excess_KN <= SLACK for excess_KN in excesses]
  for chosen_KN in chosen:
    chosen_KN[0] = True  # The sentences themselves, which cost nothing more.
  x, y = _corrected(guesses, documents, chosen, vectors)
  links = align(x, y, lengths, largest=largest)
  for side, excess_KN in enumerate(excesses):
    for slack, places in (
      (SLACK_ALONE, _alone(links, side)),
      (SLACK_SEVERAL, _among_several(links, side)),
    ):
      chosen[side] |= (excess_KN <= slack) & _with_any_of(places, excess_KN.shape)
  return _corrected(guesses, documents, chosen, vectors)


def _corrected(
  guesses: Sequence[Texts],
  documents: Sequence[Document],
  chosen: Sequence[np.ndarray],
  vectors: "_Vectors",
) -> tuple[Texts, Texts]:
  """The Texts of both documents after the chosen ones, bools [K, N], are encoded."""
  texts = [
    joined(document.sentences, chosen_KN)
    for document, chosen_KN in zip(documents, chosen, strict=True)
  ]
  vectors.learn([text for side in texts for text in side], "joined sentences")
  x, y = (
    corrected(guess, vectors.of(side), chosen_KN)
    for guess, side, chosen_KN in zip(guesses, texts, chosen, strict=True)
  )
  return x, y


def _alone(links: Iterable[Link], side: int) -> list[int]:
  """The sentences of a side (0 source, 1 target) without a partner."""
  places: list[int] = []
  for link in links:
    if link.score is None:
      places += (link.source, link.target)[side]
  return places


def _among_several(links: Iterable[Link], side: int) -> list[int]:
  """The sentences of a side in pairs that have several on both sides."""
  places: list[int] = []
  for link in links:
    if min(len(link.source), len(link.target)) > 1:
      places += (link.source, link.target)[side]
  return places


def _with_any_of(places: Sequence[int], shape: tuple[int, ...]) -> np.ndarray:
  """Which texts [K, N] hold one of these sentences."""
  held_KN = np.zeros(shape, bool)
  for before in range(shape[0]):
    for place in places:
      held_KN[before, place : place + before + 1] = True
  return held_KN


class _Vectors:
  """The vectors of texts, each of which is encoded once."""

  def __init__(self, encode: Encode) -> None:
    self.encode = encode
    self.vector_of: dict[str, np.ndarray] = {}

  def learn(self, texts: Iterable[str], what: str) -> None:
    """Encodes those that are new; `what` they are is said."""
    new = [text for text in dict.fromkeys(texts) if text not in self.vector_of]
    if new:
      console.note(f"{what} to encode: {len(new):,}.")
      row_of, vectors_VD = encode_distinct([[new]], self.encode)
      self.vector_of.update((text, vectors_VD[row]) for text, row in row_of.items())

  def of(self, texts: Iterable[str]) -> np.ndarray:
    """Vectors [N, D] of texts that were learned."""
    return np.array([self.vector_of[text] for text in texts])


def joined(sentences: Sequence[str], chosen_KN: np.ndarray) -> list[str]:
  """The chosen texts, in the order of `chosen_KN`; row K joins a sentence with K before it."""
  texts = []
  for before, place in np.argwhere(chosen_KN).tolist():
    texts.append(" ".join(sentences[max(0, place - before) : place + 1]))
  return texts


def places_of(link: Link, documents: Sequence[Document]) -> Places:
  """Where the sentences of a Link are: (places in the source file, places in the target file)."""
  source, target = documents
  return _chosen(source.places, link.source), _chosen(target.places, link.target)


def pair_of(link: Link, documents: Sequence[Document]) -> ScoredPair:
  """The ScoredPair of a Link that is not a skip; a space joins the sentences of a side."""
  assert link.score is not None, "a skip has no pair"
  source, target = documents
  source_text = " ".join(_chosen(source.sentences, link.source))
  target_text = " ".join(_chosen(target.sentences, link.target))
  return ScoredPair(link.score, source_text, target_text, *places_of(link, documents))


def _chosen(items: Sequence[T], numbers: Iterable[int]) -> tuple[T, ...]:
  return tuple(items[number] for number in numbers)


def count_alone(links: Iterable[Link], side: int) -> tuple[int, int]:
  """Counts (sentences without a partner, all sentences) of a side: 0 the source, 1 the target."""
  skipped = 0
  count = 0
  for link in links:
    size = len((link.source, link.target)[side])
    count += size
    if link.score is None:
      skipped += size
  return skipped, count
