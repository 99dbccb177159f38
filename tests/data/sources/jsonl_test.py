import json

import pytest

from labse_jax.data.sources import Counts, Pair, read


def read_lines(tmp_path, *lines, **options):
  path = tmp_path / "a.jsonl"
  path.write_text("\n".join(lines) + "\n", "utf-8")
  counts = Counts()
  return list(read([str(path)], counts=counts, **options)), counts


def test_both_forms(tmp_path):
  plain = {"source": "one", "target": "eins", "source_language": "eng", "origin": "book"}
  nested = {"translation": {"en": "two", "de": "zwei", "fr": "deux"}}
  pairs, counts = read_lines(tmp_path, json.dumps(plain), "", "\u200b", json.dumps(nested))
  assert pairs == [
    Pair("eng", "und", "book", "one", "eins"),
    Pair("en", "de", "a", "two", "zwei"),
  ]
  assert (counts.rows, counts.bad) == (2, 0)


@pytest.mark.parametrize(
  ("given", "got"),
  [
    ({"target_language": "fr"}, ("two", "deux")),
    ({"source_language": "de"}, ("zwei", "two")),
    ({"source_language": "fr", "target_language": "de"}, ("deux", "zwei")),
  ],
)
def test_languages_choose_from_a_translation(tmp_path, given, got):
  nested = {"translation": {"en": "two", "de": "zwei", "fr": "deux"}}
  assert read_lines(tmp_path, json.dumps(nested), **given)[0][0][3:] == got


@pytest.mark.parametrize(
  "line",
  [
    "{",
    "[1]",
    '{"source": "a"}',
    '{"source": "a", "target": 3}',
    '{"source": "a", "target": "\\u3164 "}',
    '{"source": "a", "target": "\\ud800"}',
    '{"translation": {"en": "a"}}',
    "[" * 100_000,
  ],
)
def test_bad_lines_are_counted(tmp_path, line):
  pairs, counts = read_lines(tmp_path, '{"source": "a", "target": "b"}', line)
  assert len(pairs) == 1 and (counts.rows, counts.bad) == (2, 1)
  assert "a.jsonl:2: not a pair of texts in JSON" in counts.first_bad[0]
