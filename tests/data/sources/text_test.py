import gzip

import pytest

from labse_jax.base.errors import InputError
from labse_jax.data import sources
from labse_jax.data.sources import Counts, Pair, text


def documents(*paths, counts=None, **options):
  counts = counts or Counts()
  return [pair.source for pair in sources.read(paths, counts=counts, format="text", **options)]


def write(path, raw):
  path.write_bytes(raw)
  return str(path)


@pytest.mark.parametrize(
  ("raw", "expected", "rows"),
  [
    (b"one\ntwo\n\n\n \t\nthree\n", ["one\ntwo", "three"], 3),
    (b"one\ntwo\nthree", ["one\ntwo\nthree"], 3),
    (b"\n\none\r\ntwo\r\n\r\nthree\r\n", ["one\ntwo", "three"], 3),
    (b"\xef\xbb\xbf  one \t and\xe2\x80\xa8more\n", ["one and more"], 1),
    (b"", [], 0),
    (b"\n\r\n", [], 0),
    ("one\n\u200b\n\u200etwo\n\u3164\ufeff".encode(), ["one", "two"], 2),
  ],
)
def test_a_blank_line_ends_a_document(tmp_path, raw, expected, rows):
  counts = Counts()
  path = write(tmp_path / "a.eng.txt", raw)
  assert documents(path, counts=counts) == expected
  assert counts.rows == rows and counts.bad == 0


def test_a_record_is_lines_of_one_language(tmp_path):
  path = write(tmp_path / "wiki.txt.gz", gzip.compress(b"one\ntwo\n"))
  (pair,) = sources.read([path], counts=Counts(), format="text", source_language="en")
  assert pair == Pair("eng", "", "wiki", "one\ntwo", "")


def test_a_long_document_is_split_at_a_line_end(tmp_path, monkeypatch):
  monkeypatch.setattr(text, "DOCUMENT_CHARACTERS", 20)
  lines = ["a" * 9, "b" * 10, "c", "d" * 25, "e", "f" * 18, "g"]
  path = write(tmp_path / "a.eng.txt", "\n".join(lines).encode())
  # Two lines are 20 with their line end. A longer line is never cut: the filters count it.
  first, last = "\n".join(lines[:2]), "\n".join(lines[4:6])
  assert documents(path) == [first, "c", "d" * 25, last, "g"]


@pytest.mark.parametrize(
  ("name", "language"),
  [
    ("wiki.eng.txt", "eng"),
    ("wiki.2024.de.txt.xz", "deu"),
    ("wiki.zho-Hant.zst", "zho-Hant"),
    ("wiki.swh", "swh"),
  ],
)
def test_the_file_s_name_has_the_language(name, language):
  assert text._language(f"in.fra/{name}", None) == language
  assert text._language(f"in.fra/{name}", "ita") == "ita"


def test_two_languages_go_together(tmp_path):
  paths = [write(tmp_path / f"wiki.{code}.txt", code.encode()) for code in ("eng", "deu")]
  pairs = list(sources.read(paths, counts=Counts(), format="text"))
  assert [pair[:4] for pair in pairs] == [("eng", "", "wiki", "eng"), ("deu", "", "wiki", "deu")]


@pytest.mark.parametrize("name", ["wiki.txt", "wiki", "wiki.corpus.txt.gz", "wiki.und.txt"])
def test_an_unknown_language_is_told_before_anything_is_read(tmp_path, name):
  first = write(tmp_path / "a.eng.txt", b"\xff")
  with pytest.raises(InputError, match=f"{name}: its name has no language; .*NAME.eng.txt"):
    documents(first, tmp_path / name)
  with pytest.raises(InputError, match="Language code 'e g'"):
    documents(first, source_language="e g")


def test_bytes_that_are_no_utf8_have_their_place(tmp_path):
  counts = Counts()
  path = write(tmp_path / "a.eng.txt", b"one\ntw\xff\nthree\n")
  assert documents(path, counts=counts) == ["one\nthree"]
  assert (counts.rows, counts.bad) == (3, 1)
  assert counts.first_bad == [f"{path}:2: not UTF-8 (byte 3 of the line)."]


@pytest.mark.parametrize("name", ["b.tsv", "b.tmx.gz", "wheels"])
def test_parallel_text_does_not_go_with_it(tmp_path, name):
  (tmp_path / "wheels").mkdir()
  first = write(tmp_path / "a.eng.txt", b"one\n")
  with pytest.raises(InputError, match=f"{name}: --format text reads files of one language"):
    documents(first, str(tmp_path / name))


def test_the_ending_txt_alone_is_not_guessed(tmp_path):
  for paths in (["a.txt"], ["a.eng.txt.gz", "a.deu.txt.gz"], ["a.txt", "b.tsv"]):
    with pytest.raises(InputError, match="--format text") as caught:
      sources.guess_format(paths[0], paths)
    assert "\n" not in str(caught.value)
  assert sources.guess_format("a.en", ["a.en", "a.txt"]) == "moses"


def test_options_of_pairs_are_refused(tmp_path):
  path = write(tmp_path / "a.eng.txt", b"one\n")
  with pytest.raises(InputError, match="--target-language does not apply to the format 'text'"):
    documents(path, target_language="deu")
