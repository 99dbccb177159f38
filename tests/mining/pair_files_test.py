"""Pairs as each format has them, read back by the readers of training text."""

import json

from defusedxml import ElementTree
import pytest

from labse_jax.base.errors import InputError
from labse_jax.data import sources
from labse_jax.mining import pair_files
from labse_jax.mining.pair_files import ScoredPair

PAIRS = [
  ScoredPair(1.25, "ein\tHaus", "a house & <home>", 7, 3),
  ScoredPair(-0.5, "zwei Häuser", "two houses", 1, 2),
]
JOINED = [ScoredPair(0.123456789, "Ein Haus. Zwei.", "A house, two.", (0, 1), (4,))]


def written(tmp_path, format, languages=("deu", "eng"), pairs=PAIRS, **options):
  """{name: text} of the files that are written."""
  pair_files.write(tmp_path / "pairs", format, languages, iter(pairs), **options)
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
  pairs = [ScoredPair(1.0, "ein\rHaus", "a\rhouse", 1, 1)]
  text = "".join(written(tmp_path, format, pairs=pairs).values())
  assert "ein Haus" in text and "a house" in text


def test_jsonl_says_where_a_pair_was(tmp_path):
  first, second = written(tmp_path, "jsonl")["pairs"].splitlines()
  assert first == (
    '{"score": 1.25, "source": "ein\\tHaus", "target": "a house & <home>", '
    '"source_language": "deu", "target_language": "eng", "source_line": 7, "target_line": 3}'
  )
  assert json.loads(second)["source"] == "zwei Häuser"


def test_jsonl_has_the_places_of_joined_sentences(tmp_path):
  assert written(tmp_path, "jsonl", pairs=JOINED, joined=True)["pairs"] == (
    '{"score": 0.123457, "source": "Ein Haus. Zwei.", "target": "A house, two.", '
    '"source_places": [0, 1], "target_places": [4], '
    '"source_language": "deu", "target_language": "eng"}\n'
  )


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
  paths = [tmp_path / name for name in names]
  pairs = list(sources.read(paths, counts=sources.Counts(), format=format, **options))
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
  pair = PAIRS[0]._replace(precision=0.98765)
  assert written(tmp_path, format, pairs=[pair])[name].endswith(ending)


def test_tmx_leaves_precisions_out(tmp_path):
  plain = written(tmp_path, "tmx")
  pairs = [pair._replace(precision=0.98765) for pair in PAIRS]
  assert written(tmp_path, "tmx", pairs=pairs) == plain


def read_tmx(path):
  """([Pair], Counts) as `prepare` reads them."""
  counts = sources.Counts()
  return list(sources.read([path], counts=counts, format="tmx")), counts


def test_texts_of_tmx_are_read_again(tmp_path):
  texts = [('a < b && "c" ]]>', "<seg>'ü'</seg>"), ("  two  spaces\t", "a\rb\u2028c"), ("", "𝕏")]
  pairs = [ScoredPair(1.25, source, target, 1, 1) for source, target in texts]
  written(tmp_path, "tmx", ("en", "zh-TW"), pairs)
  found, counts = read_tmx(tmp_path / "pairs")
  assert [pair[3:] for pair in found] == texts and counts.rows == 3
  assert {pair[:2] for pair in found} == {("en", "zh-TW")}
  assert not counts.dropped


@pytest.mark.parametrize("joined, segment", [(False, "sentence"), (True, "block")])
def test_the_header_of_tmx_has_what_the_standard_requires(tmp_path, joined, segment):
  text = written(tmp_path, "tmx", ('e"n', "de"), joined=joined)["pairs"]
  root = ElementTree.fromstring(text)
  header = root.find("header").attrib
  assert root.get("version") == "1.4"
  assert {"creationtool", "creationtoolversion", "adminlang"} < header.keys()
  wanted = {"segtype": segment, "o-tmf": "text", "srclang": 'e"n', "datatype": "plaintext"}
  assert wanted.items() < header.items()
  scores = [unit.findtext("prop[@type='x-score']") for unit in root.iter("tu")]
  assert scores == ["1.250000", "-0.500000"]


def test_characters_that_xml_cannot_hold_become_spaces(tmp_path):
  written(tmp_path, "tmx", pairs=[ScoredPair(1.0, "a\x00b\x0bc\ufffe", "\ud800d", 1, 1)])
  pairs, _ = read_tmx(tmp_path / "pairs")
  assert pairs[0][3:] == ("a b c ", " d")
