"""Formats are found by the files of their readers."""

import pytest

from labse_jax.base.errors import InputError
from labse_jax.data import sources

READER = """
from labse_jax.data.sources import Pair

def read(paths, *, counts):
  for path in paths:
    counts.rows += 1
    yield Pair("eng", "deu", "", str(path), "")
"""


def test_a_new_module_is_a_format(tmp_path, monkeypatch):
  (tmp_path / "subtitles.py").write_text(READER)
  assert "subtitles" not in sources.formats() and {"gettext", "tsv"} <= set(sources.formats())
  monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path)])
  assert "subtitles" in sources.formats()
  counts = sources.Counts()
  (pair,) = sources.read(["a.srt"], counts=counts, format="subtitles")
  assert pair.source == "a.srt" and counts.rows == 1


def test_endings_name_formats_that_are_there():
  assert set(sources.ENDINGS.values()) <= set(sources.formats())


def test_an_unknown_format_is_said():
  with pytest.raises(InputError, match="Unknown format 'tvs'; choose from .'gettext', 'jsonl'"):
    list(sources.read(["a"], counts=sources.Counts(), format="tvs"))


def test_options_are_those_of_the_reader():
  with pytest.raises(InputError, match="--columns does not apply to the format 'tmx'"):
    list(sources.read(["a.tmx"], counts=sources.Counts(), columns="source,target"))


@pytest.mark.parametrize("ending", ["", ".gz", ".xz", ".zst"])
def test_the_ending_names_the_format(ending):
  assert sources.guess_format(f"a.TSV{ending}") == "tsv"
  assert sources.stem_and_language(f"d/x.de-en.de{ending}") == ("x.de-en", "de")
