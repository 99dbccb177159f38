"""Mined pairs as each format has them, read back by the readers of training text."""

import json

import pytest

from labse_jax.base.errors import InputError
from labse_jax.data import sources
from labse_jax.mining import pair_files

PAIRS = [(1.25, "ein\tHaus", "a house & <home>", 7, 3), (-0.5, "zwei Häuser", "two houses", 1, 2)]


def written(tmp_path, format, languages=("deu", "eng"), pairs=PAIRS):
  pair_files.write(tmp_path / "pairs", format, languages, iter(pairs))
  return {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}


def test_tsv_keeps_its_columns(tmp_path):
  assert written(tmp_path, "tsv") == {
    "pairs": "1.250000\tein Haus\ta house & <home>\n-0.500000\tzwei Häuser\ttwo houses\n"
  }


def test_moses_files_are_aligned(tmp_path):
  assert written(tmp_path, "moses") == {
    "pairs.deu": "ein\tHaus\nzwei Häuser\n",
    "pairs.eng": "a house & <home>\ntwo houses\n",
    "pairs.scores": "1.250000\n-0.500000\n",
  }


@pytest.mark.parametrize("format", ["tsv", "moses"])
def test_a_carriage_return_ends_no_line(tmp_path, format):
  """`read_lines` keeps one inside a line, and Python's text files would take it for an end."""
  pairs = [(1.0, "ein\rHaus", "a\rhouse", 1, 1)]
  text = "".join(written(tmp_path, format, pairs=pairs).values())
  assert "ein Haus" in text and "a house" in text


def test_jsonl_says_where_a_pair_was(tmp_path):
  rows = [json.loads(line) for line in written(tmp_path, "jsonl")["pairs"].splitlines()]
  assert rows[0] == {
    "score": 1.25,
    "source": "ein\tHaus",
    "target": "a house & <home>",
    "source_language": "deu",
    "target_language": "eng",
    "source_line": 7,
    "target_line": 3,
  }
  assert len(rows) == 2


@pytest.mark.parametrize(
  "format, names",
  [
    ("tsv", ["pairs"]),
    ("moses", ["pairs.deu", "pairs.eng"]),
    ("tmx", ["pairs"]),
    ("jsonl", ["pairs"]),
  ],
)
def test_prepare_reads_them(tmp_path, format, names):
  written(tmp_path, format)
  options = {"columns": "-,source,target"} if format == "tsv" else {}
  pairs = list(
    sources.read(
      [tmp_path / name for name in names], counts=sources.Counts(), format=format, **options
    )
  )
  assert [pair.target for pair in pairs] == ["a house & <home>", "two houses"]
  assert [pair.source.split()[0] for pair in pairs] == ["ein", "zwei"]


@pytest.mark.parametrize("format", pair_files.FORMATS)
def test_a_failure_leaves_nothing(tmp_path, format):
  def broken():
    yield PAIRS[0]
    raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    pair_files.write(tmp_path / "pairs", format, ("deu", "eng"), broken())
  assert not list(tmp_path.iterdir())


def test_moses_files_of_one_language_have_no_names(tmp_path):
  with pytest.raises(InputError, match="both are 'und'; say --source-language and --target"):
    written(tmp_path, "moses", ("und", "und"))


@pytest.mark.parametrize(
  "format, name, ending",
  [
    ("tsv", "pairs", "house & <home>\t0.9877\n"),
    ("moses", "pairs.scores", "1.250000\t0.9877\n"),
    ("jsonl", "pairs", '"precision": 0.9877}\n'),
  ],
)
def test_a_precision_is_the_last_column(tmp_path, format, name, ending):
  assert written(tmp_path, format, pairs=[(*PAIRS[0], 0.98765)])[name].endswith(ending)
