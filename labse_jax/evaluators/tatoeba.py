"""Retrieval of translations, as on Tatoeba (Artetxe and Schwenk 2019, arXiv 1812.10464)."""

import pathlib
import re
import zlib

import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.evaluation.suite_files import (
  RESAMPLES,
  SEED,
  both_directions,
  choose,
  encode_distinct,
  large_enough,
  read_aligned,
)

# fmt: off
GROUPS = {
  # m-USE's.
  "14": ["ara", "deu", "spa", "fra", "ita", "jpn", "kor", "nld", "pol", "por", "rus", "tha", "tur",
         "cmn"],
  # XTREME's.
  "36": ["ara", "heb", "vie", "ind", "jav", "tgl", "eus", "mal", "tel", "tam", "afr", "nld", "deu",
         "ell", "ben", "hin", "mar", "urd", "pes", "fra", "ita", "por", "spa", "bul", "rus", "jpn",
         "kat", "kor", "tha", "swh", "cmn", "kaz", "tur", "est", "fin", "hun"],
  # Those of the 93 that LASER was trained on; the papers' 82, of which no list was found, lack one.
  "laser": ["afr", "amh", "ara", "aze", "bel", "ben", "ber", "bos", "bre", "bul", "cat", "cbk",
            "ces", "cmn", "cor", "dan", "deu", "dtp", "ell", "epo", "est", "eus", "fin", "fra",
            "gle", "glg", "heb", "hin", "hrv", "hun", "hye", "ido", "ile", "ina", "ind", "isl",
            "ita", "jpn", "kab", "kat", "kaz", "khm", "kor", "kur", "kzj", "lat", "lfn", "lit",
            "lvs", "mal", "mar", "mhr", "mkd", "nds", "nld", "nob", "oci", "pes", "pol", "por",
            "ron", "rus", "slk", "slv", "spa", "sqi", "srp", "swe", "swh", "tam", "tat", "tel",
            "tgl", "tha", "tur", "uig", "ukr", "urd", "uzb", "vie", "wuu", "yue", "zsm"],
  # Those that LaBSE was not trained on.
  "zero-shot": ["ang", "arq", "arz", "ast", "awa", "ber", "bre", "cbk", "cha", "cor", "csb", "dsb",
                "dtp", "fao", "gsw", "hsb", "ido", "ile", "ina", "kab", "kzj", "lfn", "max", "mhr",
                "nds", "nno", "nov", "oci", "orv", "pam", "pms", "swg", "tzl", "war", "wuu",
                "yue"],
}
# fmt: on
SCORES_AT_ONCE = 1 << 24  # 64 MiB of float32.


class Evaluator:
  """Nearest neighbours by cosine among all sentences of a language's file, in both directions.

  `data` is a folder in LASER's layout: `tatoeba.XXX-eng.XXX` beside `tatoeba.XXX-eng.eng`, aligned
  by line. `languages` are codes or GROUPS ("14", "36", "laser", "zero-shot"), in a list or
  separated by commas; None is every language there. Languages with fewer than `minimum` pairs are
  named under "skipped". Raises InputError for a folder, file or language that is not there or does
  not fit.
  """

  def __init__(self, *, data, languages=None, minimum=0):
    chosen = choose(languages, languages_in(data), data, GROUPS)
    pairs = {language: read_pairs(data, language) for language in chosen}
    self.pairs, self.skipped = large_enough(pairs, minimum, data)

  def run(self, encode):
    """Evaluates `encode(list[str]) -> float32 [N, D]`, whose rows are unit vectors.

    `forward` finds the English sentence of a foreign one, `backward` the reverse; a retrieved text
    that equals the gold text is a hit. The average is over languages, each counting the same, and
    drawn as if apart, though a third of the test's English lines stand in several languages;
    "groups" has those of the GROUPS of which every language was evaluated.
    """
    results, draws, outcomes = retrieve(self.pairs, encode)
    return {
      "suite": "tatoeba",
      "results": results,
      "average": average(results, draws),
      "groups": {
        name: average({code: results[code] for code in codes}, draws)
        for name, codes in GROUPS.items() if set(codes) <= set(results)
      },
      "skipped": self.skipped,
      "outcomes": outcomes,  # For labse_jax.evaluation.comparison.
    }  # fmt: skip


def retrieve(pairs, encode):
  """({language: metrics}, {language: draws}, {language: what each pair scored}) of its pairs."""
  row_of, vectors_ND = encode_distinct(pairs.values(), encode)
  results, draws, outcomes = {}, {}, {}
  for language, (foreign, english) in pairs.items():
    x_BD = vectors_ND[[row_of[text] for text in foreign]]
    y_BD = vectors_ND[[row_of[text] for text in english]]
    forward_B = hits(x_BD, y_BD, english)
    backward_B = hits(y_BD, x_BD, foreign)
    draws[language] = bootstrap(forward_B, backward_B, key=zlib.crc32(language.encode()))
    means = forward_B.mean(), backward_B.mean()
    results[language] = both_directions("accuracy", *means, draws[language])
    results[language]["pairs"] = len(foreign)
    outcomes[language] = ((forward_B.astype(float) + backward_B) / 2).tolist()
  return results, draws, outcomes


def average(results, draws):
  """The mean over the languages of `results`, each counting the same and drawn apart."""
  mean = lambda name: np.mean([result[name] for result in results.values()])
  mean_R = sum(draws[language] for language in results) / len(results)
  directions = both_directions("accuracy", mean("forward"), mean("backward"), mean_R)
  return {**directions, "languages": len(results)}


def languages_in(data):
  """The languages whose foreign side lies in a folder of LASER's layout, sorted."""
  data = pathlib.Path(data)
  if not data.is_dir():
    raise InputError(f"{data}: no such folder; it should hold tatoeba.XXX-eng.XXX and .eng files.")
  names = [re.fullmatch(r"tatoeba\.(.+)-eng\.(.+)", path.name) for path in data.iterdir()]
  found = sorted({name[1] for name in names if name and name[2] in (name[1], "eng")})
  if not found:
    raise InputError(f"{data}: holds no file named tatoeba.XXX-eng.XXX.")
  return found


def read_pairs(data, language):
  """The aligned (foreign, English) sentences of a language."""
  stem = pathlib.Path(data) / f"tatoeba.{language}-eng"
  return read_aligned(f"{stem}.{language}", f"{stem}.eng")


def hits(query_BD, candidate_CD, text_C):
  """Whether each query's nearest candidate has the text of the candidate that stands beside it."""
  nearest_B = nearest(query_BD, candidate_CD)
  return np.array([text_C[near] == text_C[gold] for gold, near in enumerate(nearest_B)], bool)


def nearest(query_BD, candidate_CD):
  """The row of each query's most similar candidate, the first among equal candidates."""
  first_of = {}
  # A matrix product may round equal columns differently, so argmax alone would not give the first.
  first_C = np.array([first_of.setdefault(y.tobytes(), row) for row, y in enumerate(candidate_CD)])
  step = max(1, SCORES_AT_ONCE // len(candidate_CD))
  blocks = [query_BD[start : start + step] for start in range(0, len(query_BD), step)]
  return first_C[np.concatenate([(x_bD @ candidate_CD.T).argmax(axis=1) for x_bD in blocks])]


def bootstrap(forward_B, backward_B, *, key):
  """Accuracies of RESAMPLES resamplings of the pairs, [RESAMPLES].

  A pair scores 0, 1/2 or 1, so that drawing B pairs with replacement is one multinomial draw.
  """
  share_3 = np.bincount(forward_B.astype(int) + backward_B, minlength=3) / len(forward_B)
  counts = np.random.default_rng([SEED, key]).multinomial(len(forward_B), share_3, size=RESAMPLES)
  return counts @ np.array([0, 0.5, 1]) / len(forward_B)
