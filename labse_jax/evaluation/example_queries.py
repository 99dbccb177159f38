"""Real sentences of a test through a model: similarities, and queries with what they find."""

import collections
from collections.abc import Mapping, Sequence
import itertools
import re
import typing

import numpy as np

from labse_jax.base.types import Encode, PathLike
from labse_jax.data.filters.writing_systems import letters
from labse_jax.evaluation import tatoeba_files
from labse_jax.evaluation.result_table import (
  LOWER_IS_BETTER,
  Report,
  main_metric,
  main_values,
  number,
)
from labse_jax.evaluation.text_vectors import distinct, vectors_by_text

SHOWN = 12  # Sentences on a side of the heat map.
LANGUAGES = 6
QUERIES = 2  # For each language.
NEAREST = 3
# The order in which a reader is likely to know them, so that the page can be judged by eye.
WIDELY_READ = ["fra", "fr", "spa", "es", "deu", "de", "rus", "ru", "cmn", "zho", "zh", "ara", "ar"]
WIDELY_READ += ["jpn", "ja", "hin", "hi", "kor", "ko", "ell", "el", "heb", "he", "tha", "th"]


class Query(typing.TypedDict):
  """A query and its nearest candidates; the right one is `gold`, whose rank counts from 1."""

  language: str
  query: str
  gold: str
  gold_score: float
  rank: int
  candidates: int
  found: list[tuple[str, float]]


class Shown(typing.TypedDict):
  """Pairs of one language with their similarities [B, B], and queries of several languages."""

  language: str
  pairs: list[tuple[str, str]]
  similarity: np.ndarray
  queries: list[Query]


def show(data: PathLike, accuracy: Mapping[str, float], encode: Encode) -> Shown:
  """Encodes a few sentences of each of some languages in `data` with `encode`.

  `accuracy` is {language: float} of those that were evaluated.
  """
  order = _languages(data, accuracy)
  pairs = {}
  scripts = {}
  for language in order:
    pairs[language] = tatoeba_files.read_pairs(data, language)
    scripts[language] = script(pairs[language][0])
  languages = several(order, scripts)

  # A language that is neither the best nor the worst stands for all in the heat map.
  middle = languages[len(languages) // 2]
  shown = pick(pairs[middle], SHOWN)
  asked = {language: pick(pairs[language], QUERIES) for language in languages}

  vectors_of = vectors_by_text(_needed(shown, asked, pairs), encode)
  shown_foreign, shown_english = zip(*shown, strict=True)
  similarity_BB = vectors_of(shown_foreign) @ vectors_of(shown_english).T
  queries = []
  for language in languages:
    candidates = distinct([pairs[language][1]])
    for query, gold in asked[language]:
      queries.append(_query(language, query, gold, candidates, vectors_of))
  return {"language": middle, "pairs": shown, "similarity": similarity_BB, "queries": queries}


def _languages(data: PathLike, accuracy: Mapping[str, float]) -> list[str]:
  """The languages that were evaluated and are there, the best first; all that are if none was."""
  available = tatoeba_files.languages_in(data)
  evaluated = [language for language in accuracy if language in available]
  return sorted(evaluated, key=lambda language: (-accuracy[language], language)) or available


def _needed(
  shown: list[tuple[str, str]],
  asked: Mapping[str, list[tuple[str, str]]],
  pairs: Mapping[str, tuple[list[str], list[str]]],
) -> list[str]:
  """The texts to encode: what is shown or asked, then every English sentence of the languages."""
  texts: list[str] = []
  for some in (shown, *asked.values()):
    texts += [foreign for foreign, _ in some]
  for language in asked:
    texts += pairs[language][1]
  return texts


def _query(
  language: str, query: str, gold: str, candidates: list[str], vectors_of: Encode
) -> Query:
  score_C = vectors_of(candidates) @ vectors_of([query])[0]
  order_C = np.argsort(-score_C, kind="stable")
  found = [(candidates[place], float(score_C[place])) for place in order_C[:NEAREST]]
  right = candidates.index(gold)
  rank = order_C.tolist().index(right) + 1
  return {
    "language": language,
    "query": query,
    "gold": gold,
    "gold_score": float(score_C[right]),
    "rank": rank,
    "candidates": len(candidates),
    "found": found,
  }


def several(order: Sequence[str], scripts: Mapping[str, str], count: int = LANGUAGES) -> list[str]:
  """`count` of the languages in `order`, from as many scripts as there are.

  `scripts` is {language: script}. Of each script the widely read languages come first. The chosen
  languages keep their order.
  """
  groups = collections.defaultdict(list)
  for language in sorted(order, key=_known):
    groups[scripts[language]].append(language)
  # The script of the best known language comes first, then that with most languages.
  by_size = sorted(groups.values(), key=lambda group: (_known(group[0])[0], -len(group)))
  chosen: list[str] = []
  # One language of each script in turn, until all scripts are used up.
  for turn in itertools.zip_longest(*by_size):
    chosen += [language for language in turn if language]
  return sorted(chosen[:count], key=order.index)


def _known(language: str) -> tuple[int, str]:
  """A key that sorts widely read languages first."""
  code = re.split("[_-]", language)[0]
  place = WIDELY_READ.index(code) if code in WIDELY_READ else len(WIDELY_READ)
  return place, language


def script(texts: Sequence[str]) -> str:
  """The script of most letters of the first hundred texts, as Unicode names it; "?" without any."""
  counts: collections.Counter[str] = collections.Counter()
  for text in texts[:100]:
    counts += letters(text)
  # Japanese is the kana beside its characters: without this it would count as Chinese.
  if counts["Hiragana"] > counts.total() / 10:
    return "Hiragana"
  return counts.most_common(1)[0][0] if counts else "?"


def pick(pairs: tuple[Sequence[str], Sequence[str]], count: int) -> list[tuple[str, str]]:
  """Up to `count` (foreign, English) pairs, evenly spaced over the file.

  They are easy to read where there are enough of these. `pairs` are two columns.
  """
  by_english = {english: (foreign, english) for foreign, english in zip(*pairs, strict=True)}
  pool = list(by_english.values())
  readable = [pair for pair in pool if _readable(*pair)]
  if len(readable) >= count:
    pool = readable
  # The middles of `count` equal parts.
  places = np.linspace(0, len(pool) - 1, min(count, len(pool)) * 2 + 1).astype(int)[1::2]
  return [pool[place] for place in places]


def _readable(foreign: str, english: str) -> bool:
  return 20 <= len(english) <= 70 and foreign != english


def accuracy(evaluation: Report | None) -> dict[str, float]:
  """{language: main metric} of a suite's report, the higher the better; {} where there is none."""
  if not evaluation:
    return {}
  sign = -1 if main_metric(evaluation) in LOWER_IS_BETTER else 1
  return {name: sign * number(value) for name, value in main_values(evaluation).items()}
