"""What the names of files say of their languages and of the format of the pairs."""

import pytest

from labse_jax.mining import sides


@pytest.mark.parametrize(
  "given, path, language",
  [
    (None, "a.deu", "deu"),
    (None, "news.de.xz", "de"),
    (None, "de.txt", "und"),
    (None, "news.csv", "und"),  # Also the code of a language.
    (None, "news.foo1", "und"),
    ("de", "de.txt", "de"),
    ("German", "de.txt", "deu"),
  ],
)
def test_a_files_ending_is_its_language(given, path, language):
  assert sides.language_of(given, path) == language


@pytest.mark.parametrize(
  "given, output, format, warned",
  [
    (None, "out", "tsv", ""),
    (None, "pairs.txt", "tsv", ""),
    (None, "book.TMX", "tmx", ""),
    (None, "a.de/pairs.jsonl", "jsonl", ""),
    ("jsonl", "pairs", "jsonl", ""),
    ("tmx", "pairs.tmx", "tmx", ""),
    (None, "book.moses", "tsv", ""),
    ("jsonl", "pairs.tsv", "jsonl", "pairs.tsv: will be written as jsonl, as --format says"),
  ],
)
def test_an_outputs_ending_is_its_format(given, output, format, warned, capsys):
  assert sides.format_of(given, output) == format
  said = capsys.readouterr().err
  assert warned in said and bool(said) == bool(warned)


@pytest.mark.parametrize(
  "languages, format, warned",
  [
    (("de", "en"), "tmx", ""),
    (("und", "und"), "tsv", ""),
    (("und", "en"), "moses", ""),
    (("de", "deu"), "tsv", "source and target are both German (de)"),
    (("en", "en"), "tsv", "source and target are both English (en)"),
    (("und", "en"), "tmx", "the tmx will call a language 'und'"),
    (("de", "und"), "jsonl", "say it by --target-language."),
    (("und", "und"), "jsonl", "say it by --source-language and --target-language."),
  ],
)
def test_doubtful_languages_are_warned_of(languages, format, warned, capsys):
  sides.warn_of_languages(languages, format)
  said = capsys.readouterr().err
  assert warned in said and bool(said) == bool(warned)
