"""Real sentences of a test through a model: similarities, and queries with what they find."""

import collections
import itertools
import re

import numpy as np

from labse_jax.data.filters.writing_systems import letters
from labse_jax.encoding.encode_functions import encode_distinct
from labse_jax.evaluation import tatoeba_files
from labse_jax.evaluation.result_table import LOWER_IS_BETTER, main_metric, metrics_of, number

SHOWN = 12  # Sentences on a side of the heat map.
LANGUAGES = 6
QUERIES = 2  # For each language.
NEAREST = 3
# The order in which a reader is likely to know them, so that the page can be judged by eye.
WIDELY_READ = ["fra", "fr", "spa", "es", "deu", "de", "rus", "ru", "cmn", "zho", "zh", "ara", "ar"]
WIDELY_READ += ["jpn", "ja", "hin", "hi", "kor", "ko", "ell", "el", "heb", "he", "tha", "th"]


def show(data, accuracy, encode):
  """Encodes a few sentences of each of some languages in `data` with `encode`.

  `accuracy` is {language: float} of those that were evaluated. Returns {"language", "pairs",
  "similarity"} for the heat map and "queries", a list of dicts (see `_query`).
  """
  available = tatoeba_files.languages_in(data)
  order = sorted((k for k in accuracy if k in available), key=lambda k: (-accuracy[k], k))
  order = order or available
  pairs = {language: tatoeba_files.read_pairs(data, language) for language in order}
  languages = several(order, {language: script(pairs[language][0]) for language in order})
  middle = languages[len(languages) // 2]
  shown = pick(pairs[middle], SHOWN)
  asked = {language: pick(pairs[language], QUERIES) for language in languages}
  foreign = [text for some in (shown, *asked.values()) for text, _ in some]
  english = [text for language in languages for text in pairs[language][1]]
  row_of, vectors_ND = encode_distinct([(foreign, english)], encode)

  def look_up(texts):
    return vectors_ND[[row_of[text] for text in texts]]

  x_BD, y_BD = (look_up([pair[side] for pair in shown]) for side in (0, 1))
  queries = [
    _query(language, query, gold, list(dict.fromkeys(pairs[language][1])), look_up)
    for language in languages
    for query, gold in asked[language]
  ]
  return {"language": middle, "pairs": shown, "similarity": x_BD @ y_BD.T, "queries": queries}


def _query(language, query, gold, candidates, look_up):
  """A query's nearest English sentences, and the rank of the right one, counted from 1."""
  score_C = look_up(candidates) @ look_up([query])[0]
  order_C = np.argsort(-score_C, kind="stable")
  found = [(candidates[c], float(score_C[c])) for c in order_C[:NEAREST]]
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


def several(order, scripts, count=LANGUAGES):
  """`count` of `order`, from as many scripts as there are; of each, first the widely read."""
  groups = collections.defaultdict(list)
  for language in sorted(order, key=_known):
    groups[scripts[language]].append(language)
  by_size = sorted(groups.values(), key=lambda group: (_known(group[0])[0], -len(group)))
  turns = itertools.zip_longest(*by_size)
  chosen = [language for turn in turns for language in turn if language][:count]
  return sorted(chosen, key=order.index)


def _known(language):
  code = re.split("[_-]", language)[0]
  return WIDELY_READ.index(code) if code in WIDELY_READ else len(WIDELY_READ), language


def script(texts):
  """The script most letters of the first hundred texts are in, as Unicode names it."""
  counts = sum(map(letters, texts[:100]), collections.Counter())
  # Japanese is the kana beside its characters: without this it would count as Chinese.
  if counts["HIRAGANA"] > counts.total() / 10:
    return "HIRAGANA"
  return counts.most_common(1)[0][0] if counts else "?"


def pick(pairs, count):
  """Up to `count` (foreign, English) pairs, evenly spaced over the file, easy to read if it can."""
  distinct = list({pair[1]: pair for pair in zip(*pairs, strict=True)}.values())
  readable = [pair for pair in distinct if 20 <= len(pair[1]) <= 70 and pair[0] != pair[1]]
  pool = readable if len(readable) >= count else distinct
  places = np.linspace(0, len(pool) - 1, min(count, len(pool)) * 2 + 1).astype(int)[1::2]
  return [pool[place] for place in places]


def accuracy(evaluation):
  if not evaluation:
    return {}
  sign = -1 if metrics_of(evaluation)[-1] in LOWER_IS_BETTER else 1
  return {name: sign * number(value) for name, value in main_metric(evaluation).items()}
