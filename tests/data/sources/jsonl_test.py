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
    ({"source_language": "eng"}, ("two", "zwei")),
    ({"source_language": "fre", "target_language": "ENG"}, ("deux", "two")),
    ({"target_language": "en-Latn"}, ("zwei", "two")),
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
    '{"source": "a", "target": "b\\u0000"}',
    '{"translation": {"en": "a"}}',
    "[" * 100_000,
  ],
)
def test_bad_lines_are_counted(tmp_path, line):
  pairs, counts = read_lines(tmp_path, '{"source": "a", "target": "b"}', line)
  assert len(pairs) == 1 and (counts.rows, counts.bad) == (2, 1)
  assert "a.jsonl:2: not a pair of texts in JSON" in counts.first_bad[0]


def test_the_nearest_of_several_variants_is_taken(tmp_path):
  nested = {"translation": {"zh-TW": "繁", "zh": "简", "en-US": "one", "en-GB": "two"}}

  def texts(source, target):
    given = {"source_language": source, "target_language": target}
    return read_lines(tmp_path, json.dumps(nested), **given)[0][0][3:]

  assert texts("zho", "eng") == ("繁", "one")
  assert texts("zho-Hans", "en-GB") == ("简", "two")
  assert texts("eng", "en-GB") == ("one", "two")
  assert texts("en-GB", "eng") == ("two", "one")


def test_a_code_that_is_none_is_a_bad_row(tmp_path):
  row = {"source": "one", "target": "eins", "source_language": "eng"}
  lines = [json.dumps(row | {"target_language": code}) for code in ("deu", "fuv2")]
  pairs, counts = read_lines(tmp_path, *lines)
  assert len(pairs) == 1 and (counts.rows, counts.bad) == (2, 1)
  assert counts.first_bad == [f"{tmp_path}/a.jsonl:2: 'fuv2' is no language code of ISO 639."]
