"""Language identification by the real py3langid."""

import sys

import pytest

from labse_jax.base.errors import InputError
from labse_jax.data.filters import language_id
from labse_jax.data.sources import Pair
from tests.support.places import TATOEBA

TEXTS = {
  "eng": "This sentence is not in the language that was asked for.",
  "deu": "Dieser Satz ist nicht in der verlangten Sprache geschrieben.",
  "zho": "这句话不是用要求的语言写的。",
  "nob": "Denne setningen er ikke skrevet på språket som ble bedt om.",
}


@pytest.fixture
def py3langid():
  pytest.importorskip("py3langid", reason="needs py3langid: pip install labse_jax[langid]")


@pytest.mark.parametrize(
  "code, own",
  [
    ("de", "deu"),
    ("deu", "deu"),
    ("en-US", "eng"),
    ("cmn", "zho"),
    ("zh_TW", "zho"),
    ("zho-Hans", "zho"),
    ("no", "nob"),
    ("nob", "nob"),
  ],
)
def test_lines_of_other_languages_are_foreign(py3langid, code, own):
  is_foreign = language_id.foreign_to(code)
  assert {name for name, text in TEXTS.items() if not is_foreign(text)} == {own}


def test_doubtful_lines_are_not_foreign(py3langid):
  is_foreign = language_id.foreign_to("deu")
  assert not any(map(is_foreign, ["", "1234", "OK", "Berlin", "Hand in Hand", "<b>"]))


def test_real_lines_are_told_apart(py3langid):
  path = TATOEBA / "tatoeba.deu-eng.deu"
  if not path.exists():
    pytest.skip(f"no {path}")
  lines = path.read_text("utf-8").splitlines()
  dropped = {code: sum(map(language_id.foreign_to(code), lines)) for code in ("deu", "eng")}
  assert dropped["deu"] <= 5 and dropped["eng"] > 950, dropped


@pytest.mark.parametrize(
  "languages, drops",
  [
    (("eng", "deu"), False),
    (("deu", "eng"), True),
    (("eng", "fra"), True),
    (("tlh", "deu"), False),  # Of Klingon it cannot say.
    (("tlh", "eng"), True),
  ],
)
def test_rows_with_a_foreign_side_are_dropped(py3langid, languages, drops):
  judge = language_id.RowFilter()
  assert judge(Pair(*languages, "here", TEXTS["eng"], TEXTS["deu"])) == drops
  assert not judge(Pair("eng", "", "here", TEXTS["eng"], ""))  # A line of a document.


def test_an_unknown_language_is_refused(py3langid):
  with pytest.raises(InputError, match="Language 'tlh': py3langid does not know it"):
    language_id.foreign_to("tlh")


def test_the_package_is_asked_for(monkeypatch):
  monkeypatch.setitem(sys.modules, "py3langid.langid", None)
  for function in (language_id._identifier, language_id._labels, language_id.foreign_to):
    function.cache_clear()
  with pytest.raises(InputError, match=r"pip install 'labse_jax\[langid\]'"):
    language_id.foreign_to("eng")
