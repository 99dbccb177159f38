"""What a model's vectors show beside its accuracy: sentences in many languages, and hubs."""

import collections
from collections.abc import Iterable, Mapping, Sequence
import typing

import numpy as np

from labse_jax.evaluation.evaluator import Pairs
from labse_jax.evaluation.example_queries import script, several
from labse_jax.evaluation.text_vectors import distinct

ORIGINAL = "original"  # The sentence that the others translate, in the place of a language.
HEAT_LANGUAGES = 15
PROJECTED = 6  # Sentences.
PROJECTED_LANGUAGES = 24
NEIGHBOURS = 10  # Radovanovic et al. 2010.
POOL = 5_000  # Sentences of a language among which hubs are sought.
SCORES_AT_ONCE = 1 << 24  # 64 MiB of float32.


class Heat(typing.TypedDict):
  """A sentence, "original", and its translations, with their similarities [N, N]."""

  languages: list[str]
  texts: list[str]
  similarity: np.ndarray


class Projection(typing.TypedDict):
  """N texts on a plane.

  `sentence` is the place of each text's sentence in `sentences`, `points` is [N, 2], and `share`
  the two axes' shares of the variance.
  """

  sentences: list[str]
  sentence: list[int]
  language: list[str]
  points: np.ndarray
  share: np.ndarray


class Hubs(typing.TypedDict):
  """Skewness of the k-occurrence of both sides, and the pivot's sentence that is found most."""

  forward: float
  backward: float
  hub: str
  found: int
  queries: int


class Look(typing.TypedDict, total=False):
  """What a page shows of one model: scripts and hubs are by language."""

  scripts: dict[str, str]
  heat: Heat
  projection: Projection
  hubs: dict[str, Hubs]


def look(pairs: Pairs, vectors: Mapping[str, np.ndarray]) -> Look:
  """What a page shows of one model, from `pairs()` of an evaluator and {text: unit vector}.

  It is {} where there are no pairs. The sentences are the same for every model.
  """
  if not pairs:
    return {}
  scripts = {language: script(texts) for language, (texts, _) in pairs.items()}
  shared = shared_sentences(pairs)
  return {
    "scripts": scripts,
    "heat": heat(*shared[0], scripts, vectors),
    "projection": projection(shared[:PROJECTED], scripts, vectors),
    "hubs": {language: hubs(*sides, vectors) for language, sides in pairs.items()},
  }


def shared_sentences(pairs: Pairs) -> list[tuple[str, dict[str, str]]]:
  """[(sentence, {language: translation})], those in most languages and easy to read first."""
  found: dict[str, dict[str, str]] = collections.defaultdict(dict)
  for language, (texts, pivot_texts) in pairs.items():
    for text, pivot in zip(texts, pivot_texts, strict=True):
      found[pivot].setdefault(language, text)

  def order(item: tuple[str, dict[str, str]]) -> tuple[bool, int, str]:
    sentence, translated = item
    hard = not 20 <= len(sentence) <= 70
    return hard, -len(translated), sentence

  return sorted(found.items(), key=order)


def heat(
  sentence: str,
  translated: Mapping[str, str],
  scripts: Mapping[str, str],
  vectors: Mapping[str, np.ndarray],
) -> Heat:
  """The similarities of a sentence, which comes first, and its translations."""
  languages = several(list(translated), scripts, HEAT_LANGUAGES)
  texts = _with_translations(sentence, translated, languages)
  x_BD = _vectors_of(texts, vectors)
  return {"languages": [ORIGINAL, *languages], "texts": texts, "similarity": x_BD @ x_BD.T}


def projection(
  shared: Sequence[tuple[str, Mapping[str, str]]],
  scripts: Mapping[str, str],
  vectors: Mapping[str, np.ndarray],
) -> Projection:
  """The sentences and their translations on the plane of their largest variance."""
  texts: list[str] = []
  sentences: list[int] = []
  languages: list[str] = []
  for place, (sentence, translated) in enumerate(shared):
    chosen = several(list(translated), scripts, PROJECTED_LANGUAGES)
    texts += _with_translations(sentence, translated, chosen)
    languages += [ORIGINAL, *chosen]
    sentences += [place] * (1 + len(chosen))
  points_N2, share_2 = principal_plane(_vectors_of(texts, vectors))
  return {
    "sentences": [sentence for sentence, _ in shared],
    "sentence": sentences,
    "language": languages,
    "points": points_N2,
    "share": share_2,
  }


def _with_translations(
  sentence: str, translated: Mapping[str, str], languages: Iterable[str]
) -> list[str]:
  return [sentence, *(translated[language] for language in languages)]


def _vectors_of(texts: Iterable[str], vectors: Mapping[str, np.ndarray]) -> np.ndarray:
  return np.stack([vectors[text] for text in texts])


def principal_plane(x_ND: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Points on the two axes of largest variance, [N, 2], and their shares of it, [2]."""
  centred_ND = np.asarray(x_ND, np.float64) - x_ND.mean(axis=0)
  u_NR, length_R, _ = np.linalg.svd(centred_ND, full_matrices=False)
  variance_R = length_R**2
  share_R = variance_R / max(variance_R.sum(), 1e-30)
  return (u_NR * length_R)[:, :2], share_R[:2]


def hubs(
  texts: Iterable[str], pivot_texts: Iterable[str], vectors: Mapping[str, np.ndarray]
) -> Hubs:
  """The Hubs among the first POOL distinct texts of each side."""
  candidates = distinct([pivot_texts])[:POOL]
  x_BD = _vectors_of(distinct([texts])[:POOL], vectors)
  y_CD = _vectors_of(candidates, vectors)
  forward_C = k_occurrence(x_BD, y_CD, NEIGHBOURS)
  backward_B = k_occurrence(y_CD, x_BD, NEIGHBOURS)
  return {
    "forward": skewness(forward_C),
    "backward": skewness(backward_B),
    "hub": candidates[int(np.argmax(forward_C))],
    "found": int(forward_C.max()),
    "queries": len(x_BD),
  }


def k_occurrence(query_BD: np.ndarray, candidate_CD: np.ndarray, k: int) -> np.ndarray:
  """How many queries have each candidate among their k nearest by inner product, [C]."""
  k = min(k, len(candidate_CD))
  step = max(1, SCORES_AT_ONCE // len(candidate_CD))
  counts_C = np.zeros(len(candidate_CD), int)
  for start in range(0, len(query_BD), step):
    s_bC = query_BD[start : start + step] @ candidate_CD.T
    near_bK = np.argpartition(-s_bC, k - 1, axis=1)[:, :k]
    counts_C += np.bincount(near_bK.ravel(), minlength=len(counts_C))
  return counts_C


def skewness(count_C: np.ndarray) -> float:
  """The third standardised moment: 0 where all are the same, large where few hubs hold most."""
  from_mean_C = count_C - count_C.mean()
  spread = from_mean_C.std()
  if spread == 0:
    return 0.0
  return float((from_mean_C**3).mean() / spread**3)
