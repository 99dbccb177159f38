"""Texts that are not in the language they should be, as the package py3langid judges them."""

from collections.abc import Callable, Iterable, Iterator
import functools

from labse_jax.base.errors import InputError
from labse_jax.data.languages import standard_language
from labse_jax.data.sources import Pair

NAME = "a side not in its language"  # As the filter is called in a report.
# How much likelier another language must be. Of 20,625 lines of the Tatoeba test in 83 languages
# this drops 0.3 %, and none of the 646 under 10 characters, of which little can be said. Of lines
# that were given out for another language at random, it finds 97 % of those under 20 characters
# and 99 % of the longer.
RATIO = 20
# py3langid and others name a macrolanguage where this one language of it is meant.
_MACROLANGUAGE = {
  "als": "sqi",
  "arb": "ara",
  "azj": "aze",
  "cmn": "zho",
  "ekk": "est",
  "gaz": "orm",
  "khk": "mon",
  "kmr": "kur",
  "lvs": "lav",
  "nob": "nor",
  "npi": "nep",
  "ory": "ori",
  "pbt": "pus",
  "pes": "fas",
  "plt": "mlg",
  "swh": "swa",
  "uzn": "uzb",
  "zsm": "msa",
}


class RowFilter:
  """A filter of `prepare`: filter(row) -> bool, whether a side of a row is not in its language.

  Languages that py3langid does not know are not judged. `judged` counts the rows with a side that
  was judged, and `unknown` the others.
  """

  def __init__(self) -> None:
    _identifier()  # Before anything is read, this tells a person who has not installed it.
    self.judged = 0
    self.unknown = 0

  def __call__(self, row: Pair) -> bool:
    known = []
    for code, text in ((row.source_language, row.source), (row.target_language, row.target)):
      if code and _labels(code):
        known.append((code, text))
    if known:
      self.judged += 1
    else:
      self.unknown += 1
    return any(foreign_to(code)(text) for code, text in known)

  def checked(self, rows: Iterable[Pair]) -> Iterator[Pair]:
    """Yields the rows, which are then filtered one by one.

    Raises InputError at their end where rows came to this filter and none could be judged.
    """
    yield from rows
    if self.unknown and not self.judged:
      raise InputError(
        f"--language-id: of none of {self.unknown:,} rows is a language known; say"
        " --source-language and --target-language, as codes that py3langid knows."
      )


@functools.cache
def foreign_to(language: str) -> Callable[[str], bool]:
  """is_foreign(text) -> bool: whether another language is over RATIO times as likely as this one.

  Raises InputError where py3langid is not installed, or does not know the language.
  """
  own = _labels(language)
  identifier = _identifier()
  if not own:
    raise InputError(f"Language {language!r}: py3langid does not know it, as --language-id needs.")

  def is_foreign(text):
    ranked = identifier.rank(text)  # (label, probability), the likeliest first.
    _, highest = ranked[0]
    return highest > RATIO * sum(p for label, p in ranked if label in own)

  return is_foreign


@functools.cache
def _labels(language):
  """The labels of py3langid that mean this language; none where it does not know it."""
  return {label for label in _identifier().labels if _whole(label) == _whole(language)}


def _whole(code):
  primary = standard_language(code).partition("-")[0]
  return _MACROLANGUAGE.get(primary, primary)


@functools.cache
def _identifier():
  try:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier
  except ImportError as error:
    raise InputError(
      f"--language-id needs py3langid: pip install 'labse_jax[langid]' ({error})."
    ) from None
  return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
