"""Documents, their sentences, and the vectors that alignment compares."""

from typing import NamedTuple

import numpy as np

from labse_jax.base import files
from labse_jax.base.errors import InputError
from labse_jax.encoding.encode_functions import encode_distinct
from labse_jax.mining.pair_files import ScoredPair


class Document(NamedTuple):
  """The sentences of a file, their places (line numbers from 0), and how many lines it has."""

  sentences: list
  places: list
  lines: int


def read_document(path):
  """The Document of a text file, a sentence a line; raises InputError if it has no sentence."""
  sentences = []
  places = []
  count = 0
  for number, line in files.read_lines(path):
    count = number
    sentence = " ".join(line.split())  # A tab would be another column of a TSV file.
    if sentence:
      sentences.append(sentence)
      places.append(number - 1)
  if not sentences:
    raise InputError(f"{path}: has no sentence; there is nothing to align.")
  return Document(sentences, places, count)


def embed(documents, encode, *, sizes):
  """Vectors [sizes, N, D] of each document, as `alignment.align` takes them."""
  texts = [joined(document.sentences, sizes) for document in documents]
  row_of, vectors_VD = encode_distinct(texts, encode)
  embedded = []
  for text_KN in texts:
    row_KN = np.array([[row_of[text] for text in text_N] for text_N in text_KN])
    embedded.append(vectors_VD[row_KN])
  return embedded


def joined(sentences, sizes):
  """Joins each sentence with up to 0, 1, ... sentences before it; returns lists [sizes][N]."""
  text_KN = []
  for before in range(sizes):
    text_N = []
    for i in range(len(sentences)):
      text_N.append(" ".join(sentences[max(0, i - before) : i + 1]))
    text_KN.append(text_N)
  return text_KN


def places_of(link, documents):
  """Where the sentences of a Link are: (places in the source file, places in the target file)."""
  source, target = documents
  return _chosen(source.places, link.source), _chosen(target.places, link.target)


def pair_of(link, documents):
  """The ScoredPair of a Link that is not a skip; a space joins the sentences of a side."""
  source, target = documents
  source_text = " ".join(_chosen(source.sentences, link.source))
  target_text = " ".join(_chosen(target.sentences, link.target))
  return ScoredPair(link.score, source_text, target_text, *places_of(link, documents))


def _chosen(items, numbers):
  return tuple(items[number] for number in numbers)


def count_alone(links, side):
  """Counts (sentences without a partner, all sentences) of a side: 0 the source, 1 the target."""
  skipped = 0
  count = 0
  for link in links:
    count += len(link[side])
    if link.score is None:
      skipped += len(link[side])
  return skipped, count
