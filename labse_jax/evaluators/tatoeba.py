"""Retrieval of translations, as on Tatoeba (Artetxe and Schwenk 2019, arXiv 1812.10464)."""

from collections.abc import Iterable, Mapping

import numpy as np

from labse_jax.base.types import Encode, PathLike
from labse_jax.evaluation.comparison import Outcomes
from labse_jax.evaluation.evaluator import Pairs, Result
from labse_jax.evaluation.result_table import Metrics
from labse_jax.evaluation.retrieval import average, retrieve
from labse_jax.evaluation.suite_files import choose, large_enough, pair_count
from labse_jax.evaluation.tatoeba_files import languages_in, read_pairs
from labse_jax.evaluation.text_vectors import columns_of, distinct, vectors_by_text

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


class Evaluator:
  """Nearest neighbours by cosine among all sentences of a language's file, in both directions.

  `data` is a folder in LASER's layout: `tatoeba.XXX-eng.XXX` beside `tatoeba.XXX-eng.eng`, aligned
  by line. `languages` are codes or GROUPS ("14", "36", "laser", "zero-shot"), in a list or
  separated by commas; None is every language there. Languages with fewer than `minimum` pairs are
  named under "skipped". Raises InputError for data that is missing or wrong.
  """

  def __init__(
    self, *, data: PathLike, languages: str | Iterable[str] | None = None, minimum: int = 0
  ) -> None:
    chosen = choose(languages, languages_in(data), data, GROUPS)
    pairs = {language: read_pairs(data, language) for language in chosen}
    self._pairs, self.skipped = large_enough(pairs, minimum, data, count=pair_count)

  def texts(self) -> list[str]:
    """The distinct sentences of all languages."""
    return distinct(columns_of(self._pairs))

  def pairs(self) -> Pairs:
    """{language: (foreign sentences, English sentences)}."""
    return self._pairs

  def run(self, encode: Encode) -> Result:
    """Evaluates a model, whose `encode` gives unit vectors, float32 [N, D].

    `forward` finds the English sentence of a foreign one, `backward` the reverse; a retrieved text
    that equals the gold text is a hit. The average is over languages. Each counts the same and is
    drawn as if apart, though a third of the test's English lines stand in several languages.
    "groups" has the averages of the GROUPS of which every language was evaluated.
    """
    results, draws, outcomes = retrieve(self._pairs, vectors_by_text(self.texts(), encode))
    report = {
      "suite": "tatoeba",
      "results": results,
      "average": average(results, draws),
      "groups": _group_averages(results, draws),
      "skipped": self.skipped,
    }
    return Result(report, Outcomes(outcomes))


def _group_averages(
  results: Mapping[str, Metrics], draws: Mapping[str, np.ndarray]
) -> dict[str, Metrics]:
  """{group: average} of the groups of which every language is in `results`."""
  averages = {}
  for name, codes in GROUPS.items():
    if set(codes) <= set(results):
      averages[name] = average({code: results[code] for code in codes}, draws)
  return averages
