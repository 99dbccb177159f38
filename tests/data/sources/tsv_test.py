import gzip
import lzma

import pytest
import zstandard

from labse_jax.base.errors import InputError
from labse_jax.data.sources import Counts, Pair, guess_format, read

FIVE = "source_language,target_language,origin,source,target"


def read_all(*paths, **options):
  counts = Counts()
  return list(read([str(path) for path in paths], counts=counts, **options)), counts


@pytest.mark.parametrize(
  ("ending", "compress"),
  [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress), (".zst", zstandard.compress)],
)
def test_reads_plain_and_compressed(tmp_path, ending, compress):
  path = tmp_path / f"pairs.v2.tsv{ending}"
  # Quotes and a line separator inside a sentence are plain characters.
  path.write_bytes(compress('"Hi" there\u2028you\tHallo\r\nTwo\tZwei\n'.encode()))
  pairs, counts = read_all(path, source_language="eng", target_language="deu")
  assert pairs == [
    Pair("eng", "deu", "pairs", '"Hi" there\u2028you', "Hallo"),
    Pair("eng", "deu", "pairs", "Two", "Zwei"),
  ]
  assert (counts.rows, counts.bad) == (2, 0)


def test_columns_name_their_order_and_pass_over(tmp_path):
  path = tmp_path / "a.tsv"
  path.write_text("eng\tdeu\tbook\tone\teins\n", "utf-8")
  assert read_all(path, columns=FIVE)[0] == [Pair("eng", "deu", "book", "one", "eins")]
  assert read_all(path, columns="-,-,-,target,source")[0][0][3:] == ("eins", "one")


@pytest.mark.parametrize("columns", [FIVE, "-,-,-,source,target"])
def test_a_header_of_the_columns_names_is_dropped_and_counted(tmp_path, columns):
  header, row = FIVE.replace(",", "\t"), "eng\tdeu\tbook\tsource\ttarget"
  for name in ("a.tsv", "b.tsv"):  # Only a first line is a header, in each file.
    lines = [header, row, header.replace("source_language\ttarget_language", "eng\tdeu")]
    (tmp_path / name).write_text("\ufeff" + "\n".join(lines) + "\n", "utf-8")
  pairs, counts = read_all(tmp_path / "a.tsv", tmp_path / "b.tsv", columns=columns)
  assert [pair[3:] for pair in pairs] == [("source", "target")] * 4
  assert (counts.rows, counts.bad, counts.dropped) == (6, 0, {"header": 2})


def test_a_pair_that_is_no_header_stays(tmp_path):
  (tmp_path / "a.tsv").write_text("source\tZiel\nsource\ttarget\n", "utf-8")
  pairs, counts = read_all(tmp_path / "a.tsv")
  assert len(pairs) == 2 and not counts.dropped


@pytest.mark.parametrize("columns", ["source", "source,target,sauce", "source,source,target"])
def test_columns_are_checked(tmp_path, columns):
  (tmp_path / "a.tsv").write_text("a\tb\n")
  with pytest.raises(InputError, match="--columns"):
    read_all(tmp_path / "a.tsv", columns=columns)


@pytest.mark.parametrize(
  ("line", "reason"),
  [
    (b"one", "1 columns, not the 2"),
    (b"one\ttwo\tthree", "3 columns, not the 2"),
    (b"one\t ", "target is empty"),
    (b"\ttwo", "source is empty"),
    ("\u200b\ttwo".encode(), "source is empty"),
    ("one\t\u3164\ufeff".encode(), "target is empty"),
    (b"\xff\ttwo", "not UTF-8"),
  ],
)
def test_bad_lines_are_counted_with_their_place(tmp_path, line, reason):
  path = tmp_path / "a.tsv"
  path.write_bytes(b"a\tb\n" + line + b"\nc\td\n")
  pairs, counts = read_all(path)
  assert [pair.source for pair in pairs] == ["a", "c"]
  assert (counts.rows, counts.bad) == (3, 1)
  assert counts.first_bad[0].startswith(f"{path}:2: ") and reason in counts.first_bad[0]
  with pytest.raises(InputError, match=r"a\.tsv:2: .*33\.33% *; 1\.00% allowed"):
    counts.check(0.01)
  counts.check(0.34)


def test_one_percent_is_allowed():
  counts = Counts()
  counts.rows = 100
  counts.bad_row("f:1", "x.")
  counts.check(0.01)
  counts.bad_row("f:2", "x.")
  with pytest.raises(InputError, match="f:1"):
    counts.check(0.01)


def test_format_is_guessed_or_asked_for(tmp_path):
  guesses = {"a.tsv.gz": "tsv", "a.TMX": "tmx", "a.jsonl.zst": "jsonl", "a.mo": "gettext"}
  assert {name: guess_format(name) for name in guesses} == guesses
  assert guess_format("x.de-en.de", ["x.de-en.de", "x.de-en.en"]) == "moses"
  assert guess_format(tmp_path) == "gettext"
  with pytest.raises(InputError, match="--format"):
    guess_format("a.txt")


def test_an_option_of_another_format_is_refused(tmp_path):
  (tmp_path / "a.jsonl").write_text("")
  with pytest.raises(InputError, match="--columns does not apply to the format 'jsonl'"):
    read_all(tmp_path / "a.jsonl", columns="source,target")


def test_a_code_that_is_none_is_a_bad_row(tmp_path):
  path = tmp_path / "a.tsv"
  path.write_text("eng-GB\tone\tdeu\teins\neng\ttwo\tfuv2\tbee\n", "utf-8")
  pairs, counts = read_all(path, columns="source_language,source,target_language,target")
  assert [pair[:2] for pair in pairs] == [("eng-GB", "deu")] and (counts.rows, counts.bad) == (2, 1)
  assert counts.first_bad == [f"{path}:2: 'fuv2' is no language code of ISO 639."]
