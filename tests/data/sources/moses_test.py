import pytest

from labse_jax.base.errors import InputError
from labse_jax.data.sources import Counts, Pair, read


def write(folder, german, english):
  paths = [folder / "x.de-en.de", folder / "x.de-en.en"]
  for path, raw in zip(paths, (german, english), strict=True):
    path.write_bytes(raw)
  return [str(path) for path in paths]


def test_lines_are_aligned_and_endings_name_the_languages(tmp_path):
  counts = Counts()
  paths = write(tmp_path, b"eins\n\nzw\xc3\xb6i\n", b"one\nnothing\ntwo\n")
  assert list(read(paths, counts=counts)) == [
    Pair("de", "en", "x", "eins", "one"),
    Pair("de", "en", "x", "zwöi", "two"),
  ]
  assert counts.rows == 3 and counts.dropped["empty"] == 1


def test_invisible_characters_alone_are_an_empty_line(tmp_path):
  counts = Counts()
  paths = write(tmp_path, "\u200b\n\ufeffzwei\u200e\ndrei\n".encode(), "a\ntwo\n\u3164".encode())
  assert [pair[3:] for pair in read(paths, counts=counts)] == [("zwei", "two")]
  assert counts.rows == 3 and counts.dropped["empty"] == 2


def test_a_line_that_is_not_utf8_does_not_shift_the_rest(tmp_path):
  counts = Counts()
  paths = write(tmp_path, b"eins\n\xff\ndrei\n", b"one\ntwo\nthree\n")
  pairs = list(read(paths, counts=counts))
  assert [pair[3:] for pair in pairs] == [("eins", "one"), ("drei", "three")]
  assert counts.bad == 1 and counts.first_bad[0].startswith(f"{paths[0]}:2: not UTF-8")
  assert not counts.dropped


@pytest.mark.parametrize(
  ("german", "english", "numbers"),
  [(b"1\n2\n3\n4\n", b"1\n2\n", "4 lines .* has 2;"), (b"1\n", b"1\n2\n3", "1 lines .* has 3;")],
)
def test_unequal_files_name_both_lengths(tmp_path, german, english, numbers):
  with pytest.raises(InputError, match=numbers):
    list(read(write(tmp_path, german, english), counts=Counts()))


def test_two_files_are_needed(tmp_path):
  with pytest.raises(InputError, match="two files"):
    list(read(write(tmp_path, b"", b"")[:1], counts=Counts(), format="moses"))


def test_an_ending_that_is_no_language_is_told(tmp_path):
  paths = [tmp_path / "x.deu", tmp_path / "x.english"]
  for path in paths:
    path.write_text("word\n", "utf-8")
  with pytest.raises(InputError, match=r"x\.english: its ending .* --target-language names it"):
    list(read(paths, counts=Counts()))
  assert len(list(read(paths, counts=Counts(), target_language="eng"))) == 1
