"""The Tatoeba suite against a brute-force oracle in float64."""

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.evaluation import retrieval, tatoeba_files
from labse_jax.evaluators import tatoeba
from tests.support.places import TATOEBA


def write(folder, language, pairs):
  for side, code in enumerate((language, "eng")):
    lines = "".join(pair[side] + "\n" for pair in pairs)
    (folder / f"tatoeba.{language}-eng.{code}").write_text(lines, encoding="utf-8")


class Encoder:
  """Unit vectors from a table, or random ones; it counts what it was asked for."""

  def __init__(self, table=None, width=4):
    self.table, self.width, self.asked = table or {}, width, []

  def __call__(self, texts):
    self.asked += texts
    rows = np.array([self.table.get(text, self.random(text)) for text in texts], np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)

  def random(self, text):
    return np.random.default_rng(list(text.encode())).normal(size=self.width)


def oracle(pairs, encode):
  """Plain loops in float64: (forward, backward)."""
  accuracy = []
  for query, candidate in ((0, 1), (1, 0)):
    right = 0
    for pair in pairs:
      x = encode([pair[query]])[0].astype(np.float64)
      scores = [x @ encode([other[candidate]])[0].astype(np.float64) for other in pairs]
      right += pairs[scores.index(max(scores))][candidate] == pair[candidate]
    accuracy.append(right / len(pairs))
  return accuracy


def noisy_pairs(count, name):
  """Pairs whose sides are near each other, so that about half are found."""
  rng = np.random.default_rng(count)
  pairs = [(f"{name} {row}", f"english {row}") for row in range(count)]
  table = {}
  for foreign, english in pairs:
    table[english] = rng.normal(size=4)
    table[foreign] = table[english] + rng.normal(size=4) * 0.3
  return pairs, table


@pytest.mark.parametrize("block", [1 << 24, 7 * 64, 1])
def test_agrees_with_a_float64_brute_force(tmp_path, monkeypatch, block):
  monkeypatch.setattr(retrieval, "SCORES_AT_ONCE", block)
  pairs, table = noisy_pairs(64, "fra")
  write(tmp_path, "fra", pairs)
  result = tatoeba.Evaluator(data=tmp_path).run(Encoder(table)).report["results"]["fra"]
  forward, backward = oracle(pairs, Encoder(table))
  assert 0.2 < forward < 0.9 and forward != backward
  assert (result["forward"], result["backward"], result["pairs"]) == (forward, backward, 64)
  assert result["accuracy"]["value"] == pytest.approx((forward + backward) / 2)


def test_forward_goes_from_the_language_to_english(tmp_path):
  # At 0, 5, 11 and 18 degrees: a, x, b, y. Both foreign find theirs, both English find "x".
  tangents = {"a": 0, "x": 0.0875, "b": 0.194, "y": 0.325}
  table = {text: [1, tangent, 0, 0] for text, tangent in tangents.items()}
  write(tmp_path, "fra", [("x", "a"), ("y", "b")])
  result = tatoeba.Evaluator(data=tmp_path).run(Encoder(table)).report["results"]["fra"]
  assert (result["forward"], result["backward"]) == (1, 0.5)


def test_a_retrieved_text_equal_to_the_gold_text_is_a_hit(tmp_path):
  table = {"un": [1, 0, 0, 0], "uno": [1, 0.1, 0, 0], "one": [1, 0, 0, 0], "two": [0, 1, 0, 0]}
  write(tmp_path, "fra", [("un", "one"), ("uno", "one"), ("deux", "two")])
  table["deux"] = [0, 1, 0, 0]
  result = tatoeba.Evaluator(data=tmp_path).run(Encoder(table)).report["results"]["fra"]
  assert result["forward"] == 1
  assert result["backward"] == pytest.approx(2 / 3)  # The second "one" finds "un", not "uno".


def test_every_distinct_sentence_is_encoded_once(tmp_path):
  write(tmp_path, "deu", [("eins", "one"), ("zwei", "two")])
  write(tmp_path, "fra", [("un", "one"), ("deux", "two"), ("deux", "two")])
  encoder = Encoder()
  tatoeba.Evaluator(data=tmp_path).run(encoder)
  assert sorted(encoder.asked) == sorted({"eins", "zwei", "un", "deux", "one", "two"})


def test_the_interval_is_that_of_resampled_pairs(tmp_path):
  pairs, table = noisy_pairs(200, "fra")
  write(tmp_path, "fra", pairs)
  accuracy = (
    tatoeba.Evaluator(data=tmp_path).run(Encoder(table)).report["results"]["fra"]["accuracy"]
  )
  encoder = Encoder(table)
  x, y = (encoder([pair[side] for pair in pairs]).astype(np.float64) for side in (0, 1))
  score = ((x @ y.T).argmax(1) == np.arange(200)) / 2 + ((y @ x.T).argmax(1) == np.arange(200)) / 2
  rng = np.random.default_rng(1)
  means = [score[rng.integers(0, 200, 200)].mean() for _ in range(20_000)]
  low, high = np.quantile(means, [0.025, 0.975])
  assert accuracy["low"] == pytest.approx(low, abs=0.004)
  assert accuracy["high"] == pytest.approx(high, abs=0.004)
  assert accuracy["low"] < accuracy["value"] < accuracy["high"]


def test_results_are_repeatable_and_do_not_depend_on_other_languages(tmp_path, monkeypatch):
  monkeypatch.setattr(retrieval, "RESAMPLES", 50)  # Few, so that other draws show.
  for language in ("deu", "fra"):
    pairs, table = noisy_pairs(40, language)
    write(tmp_path, language, pairs)
  both = tatoeba.Evaluator(data=tmp_path).run(Encoder(table)).report
  alone = tatoeba.Evaluator(data=tmp_path, languages="fra").run(Encoder(table)).report
  assert both["results"]["fra"] == alone["results"]["fra"]
  assert both == tatoeba.Evaluator(data=tmp_path).run(Encoder(table)).report
  # One language alone: its interval and the average's are the same.
  assert alone["average"]["accuracy"] == pytest.approx(alone["results"]["fra"]["accuracy"])


def test_the_interval_of_the_average_is_narrower_than_each(tmp_path):
  table = {}
  for language in ("deu", "fra", "ita"):
    pairs, more = noisy_pairs(100, language)
    write(tmp_path, language, pairs)
    table |= more
  result = tatoeba.Evaluator(data=tmp_path).run(Encoder(table)).report

  def width(row):
    return row["accuracy"]["high"] - row["accuracy"]["low"]

  # Independent draws of equal spread: the mean of three is narrower by the root of three.
  each = np.mean([width(row) for row in result["results"].values()])
  assert width(result["average"]) == pytest.approx(each / 3**0.5, rel=0.1)
  accuracy = result["average"]["accuracy"]
  assert accuracy["low"] < accuracy["value"] < accuracy["high"]


def test_the_average_counts_every_language_the_same(tmp_path):
  same = [1, 0, 0, 0]
  write(tmp_path, "deu", [("eins", "one")])
  write(tmp_path, "fra", [("un", "one"), ("deux", "two"), ("trois", "three"), ("quatre", "four")])
  table = dict.fromkeys(["eins", "un", "deux", "trois", "quatre"], same)
  table |= dict.fromkeys(["one", "two", "three", "four"], same)
  result = tatoeba.Evaluator(data=tmp_path).run(Encoder(table)).report
  assert result["results"]["deu"]["forward"] == 1
  assert result["results"]["fra"]["forward"] == 0.25
  assert result["average"]["accuracy"]["value"] == pytest.approx((1 + 0.25) / 2)
  assert result["average"]["languages"] == 2


def test_small_languages_are_named_as_skipped(tmp_path):
  write(tmp_path, "deu", [("eins", "one")])
  write(tmp_path, "fra", [("un", "one"), ("deux", "two")])
  result = tatoeba.Evaluator(data=tmp_path, minimum=2).run(Encoder()).report
  assert list(result["results"]) == ["fra"]
  assert result["skipped"] == {"deu": 1}
  with pytest.raises(InputError, match="no language has 3 pairs; the largest has 2"):
    tatoeba.Evaluator(data=tmp_path, minimum=3)


@pytest.mark.parametrize(
  "asked, expected",
  [
    (None, ["deu", "fra", "sr_Latn"]),
    ("fra,deu", ["fra", "deu"]),
    (["sr_Latn"], ["sr_Latn"]),
    ("fra, fra", ["fra"]),
    ("group", ["deu", "fra"]),
    (["fra", "group"], ["fra", "deu"]),
  ],
)
def test_languages_are_chosen_by_code_or_group(tmp_path, monkeypatch, asked, expected):
  monkeypatch.setitem(tatoeba.GROUPS, "group", ["deu", "fra"])
  for language in ("fra", "deu", "sr_Latn"):
    write(tmp_path, language, [("un", "one")])
  assert list(tatoeba.Evaluator(data=tmp_path, languages=asked).pairs()) == expected


def test_groups_have_their_sizes():
  sizes = {name: len(set(codes)) for name, codes in tatoeba.GROUPS.items()}
  assert sizes == {"14": 14, "36": 36, "laser": 83, "zero-shot": 36}
  # m-USE's and XTREME's languages are among LASER's, but for Javanese; LaBSE knows them all.
  seen = {*tatoeba.GROUPS["14"], *tatoeba.GROUPS["36"]}
  assert seen - set(tatoeba.GROUPS["laser"]) == {"jav"}
  assert not seen & set(tatoeba.GROUPS["zero-shot"])


def test_groups_are_languages_of_the_test():
  if not TATOEBA.exists():
    pytest.skip(f"no Tatoeba files in {TATOEBA}")
  there = set(tatoeba_files.languages_in(TATOEBA))
  assert len(there) == 112
  assert all(set(codes) <= there for codes in tatoeba.GROUPS.values())


def test_groups_that_are_there_are_averaged_apart(tmp_path, monkeypatch):
  monkeypatch.setattr(tatoeba, "GROUPS", {"g": ["fra", "ita"], "h": ["deu", "xxx"]})
  table = {}
  for language, count in (("deu", 30), ("fra", 40), ("ita", 50)):
    pairs, more = noisy_pairs(count, language)
    write(tmp_path, language, pairs)
    table |= more
  result = tatoeba.Evaluator(data=tmp_path).run(Encoder(table)).report
  alone = tatoeba.Evaluator(data=tmp_path, languages="g").run(Encoder(table)).report
  assert result["groups"] == {"g": alone["average"]} == alone["groups"]
  assert result["average"]["languages"] == 3 and alone["average"]["languages"] == 2


def test_unknown_languages_are_named(tmp_path):
  write(tmp_path, "fra", [("un", "one")])
  with pytest.raises(InputError, match="no language 'xxx'; choose from fra or the groups"):
    tatoeba.Evaluator(data=tmp_path, languages="xxx,fra,deu")


def test_vectors_that_are_not_finite_are_an_error(tmp_path):
  write(tmp_path, "fra", [("un", "one")])
  encoder = Encoder({"one": [np.nan, 0, 0, 0]})
  with pytest.raises(InputError, match="vector of 'one' is not finite"):
    tatoeba.Evaluator(data=tmp_path).run(encoder)
