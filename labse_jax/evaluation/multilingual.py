"""What a model's vectors show beside its accuracy: sentences in many languages, and hubs."""

import collections

import numpy as np

from labse_jax.evaluation.example_queries import script, several

HEAT_LANGUAGES = 15
PROJECTED = 6  # Sentences.
PROJECTED_LANGUAGES = 24
NEIGHBOURS = 10  # Radovanovic et al. 2010.
POOL = 5_000  # Sentences of a language among which hubs are sought.


def look(evaluator, vectors):
  """What a page shows of one model, from {text: unit vector}; {} where a suite has no translations.

  "scripts" {language: script}, "heat" (see `heat`), "projection" (see `projection`) and "hubs"
  {language: (see `hubs`)}. The sentences are the same for every model.
  """
  pairs = translations(evaluator)
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


def translations(evaluator):
  """{language: (texts, pivot's texts)} of an evaluator of translations; {} of another."""
  pairs = getattr(evaluator, "pairs", {})
  aligned = all(len(sides) == 2 and len(sides[0]) == len(sides[1]) for sides in pairs.values())
  return pairs if aligned else {}


def shared_sentences(pairs):
  """[(sentence, {language: translation})], those in most languages and easy to read first."""
  found = collections.defaultdict(dict)
  for language, (texts, pivot_texts) in pairs.items():
    for text, pivot in zip(texts, pivot_texts, strict=True):
      found[pivot].setdefault(language, text)

  def hard(sentence):
    return not 20 <= len(sentence) <= 70

  return sorted(found.items(), key=lambda item: (hard(item[0]), -len(item[1]), item[0]))


def heat(sentence, translated, scripts, vectors):
  """{"languages", "texts", "similarity"} of a sentence, "pivot" first, and its translations."""
  languages = several(list(translated), scripts, HEAT_LANGUAGES)
  texts = [sentence, *(translated[language] for language in languages)]
  x_BD = np.stack([vectors[text] for text in texts])
  return {"languages": ["pivot", *languages], "texts": texts, "similarity": x_BD @ x_BD.T}


def projection(shared, scripts, vectors):
  """{"sentences", "sentence", "language", "points" [N, 2], "share" [2]} of N texts."""
  members = [
    (place, language, text)
    for place, (sentence, translated) in enumerate(shared)
    for language, text in [
      ("pivot", sentence),
      *((k, translated[k]) for k in several(list(translated), scripts, PROJECTED_LANGUAGES)),
    ]
  ]
  points_N2, share_2 = principal_plane(np.stack([vectors[text] for *_, text in members]))
  return {
    "sentences": [sentence for sentence, _ in shared],
    "sentence": [place for place, *_ in members],
    "language": [language for _, language, _ in members],
    "points": points_N2,
    "share": share_2,
  }


def principal_plane(x_ND):
  """Points on the two axes of largest variance, [N, 2], and their shares of it, [2]."""
  centred_ND = np.asarray(x_ND, np.float64) - x_ND.mean(axis=0)
  u_NR, length_R, _ = np.linalg.svd(centred_ND, full_matrices=False)
  return (u_NR * length_R)[:, :2], (length_R**2 / max((length_R**2).sum(), 1e-30))[:2]


def hubs(texts, pivot_texts, vectors):
  """Skewness of the k-occurrence of both sides, and the pivot's sentence that is found most."""
  sides = [list(dict.fromkeys(side))[:POOL] for side in (texts, pivot_texts)]
  x_BD, y_CD = (np.stack([vectors[text] for text in side]) for side in sides)
  forward_C = k_occurrence(x_BD, y_CD, NEIGHBOURS)
  backward_B = k_occurrence(y_CD, x_BD, NEIGHBOURS)
  return {
    "forward": skewness(forward_C),
    "backward": skewness(backward_B),
    "hub": sides[1][int(forward_C.argmax())],
    "found": int(forward_C.max()),
    "queries": len(x_BD),
  }


SCORES_AT_ONCE = 1 << 24  # 64 MiB of float32.


def k_occurrence(query_BD, candidate_CD, k):
  """In how many queries' k nearest candidates by inner product each candidate is, [C]."""
  k = min(k, len(candidate_CD))
  step = max(1, SCORES_AT_ONCE // len(candidate_CD))
  counts_C = np.zeros(len(candidate_CD), int)
  for start in range(0, len(query_BD), step):
    s_bC = query_BD[start : start + step] @ candidate_CD.T
    near_bK = np.argpartition(-s_bC, k - 1, axis=1)[:, :k]
    counts_C += np.bincount(near_bK.ravel(), minlength=len(counts_C))
  return counts_C


def skewness(count_C):
  """The third standardised moment; 0 where all are the same, large where few hubs hold most."""
  from_mean_C = count_C - count_C.mean()
  spread = from_mean_C.std()
  return float((from_mean_C**3).mean() / spread**3) if spread > 0 else 0.0
