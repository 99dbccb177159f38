"""The BUCC suite against plain loops in float64."""

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.evaluators import bucc
from tests.support.bucc_texts import look_up, noisy
from tests.support.suites import write_bucc

MARGINS = ["ratio", "distance", "absolute"]


def oracle_pairs(x_texts, y_texts, encode, *, margin, k):
  """{retrieval: [(score, x text, y text)]} by plain loops over distinct texts."""
  x_texts, y_texts = (list(dict.fromkeys(texts)) for texts in (x_texts, y_texts))
  cosine = encode(x_texts).astype(np.float64) @ encode(y_texts).astype(np.float64).T
  mean_x, mean_y = (np.sort(table, 1)[:, -k:].mean(1) for table in (cosine, cosine.T))

  def score(x, y):
    return {
      "ratio": 2 * cosine[x, y] / (mean_x[x] + mean_y[y]),
      "distance": cosine[x, y] - (mean_x[x] + mean_y[y]) / 2,
      "absolute": cosine[x, y],
    }[margin]

  def near(row):
    return sorted(range(len(row)), key=lambda place: -row[place])[:k]

  forward = [(x, max(near(row), key=lambda y, x=x: score(x, y))) for x, row in enumerate(cosine)]
  backward = [(max(near(row), key=lambda x, y=y: score(x, y)), y) for y, row in enumerate(cosine.T)]
  greedy = []
  for x, y in sorted({*forward, *backward}, key=lambda pair: -score(*pair)):
    if all(x != other_x and y != other_y for other_x, other_y in greedy):
      greedy.append((x, y))
  both = [pair for pair in forward if pair in backward]
  named = dict(forward=forward, backward=backward, intersection=both, max=greedy)
  named["union"] = sorted({*forward, *backward})
  return {
    name: [(score(x, y), x_texts[x], y_texts[y]) for x, y in pairs] for name, pairs in named.items()
  }


def measures(pairs, gold, threshold):
  found = sum(score >= threshold and (x, y) in gold for score, x, y in pairs)
  mined = sum(score >= threshold for score, _, _ in pairs)
  return 2 * found / (mined + len(gold)), found / max(mined, 1), found / len(gold)


def oracle_threshold(pairs, gold):
  """The lowest score of the best cut, every score tried."""
  return max((score for score, _, _ in pairs), key=lambda cut: (measures(pairs, gold, cut)[0], cut))


def texts_of(gold, x_texts, y_texts):
  return {(x_texts[int(x[1:]) - 1], y_texts[int(y[1:]) - 1]) for x, y in gold}


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("retrieval", bucc.RETRIEVALS)
def test_agrees_with_float64_loops(tmp_path, margin, retrieval):
  table, pairs, gold = {}, {}, {}
  for part, count in (("training", 60), ("test", 75)):
    x_texts, y_texts, ids, more = noisy(count, seed=count)
    # One sentence stands twice, and so does one in the other text: they count once.
    x_texts, y_texts = [*x_texts, x_texts[0]], [*y_texts, y_texts[5]]
    ids.append((f"x{count + 1}", ids[0][1]))
    write_bucc(tmp_path, ids, part, de=x_texts, en=y_texts)
    table |= more
    pairs[part] = oracle_pairs(x_texts, y_texts, look_up(more), margin=margin, k=3)
    gold[part] = texts_of(ids, x_texts, y_texts)
  options = {"margin": margin, "retrieval": retrieval, "k": 3}
  result = bucc.Evaluator(data=tmp_path, **options).run(look_up(table)).report
  row = result["results"]["de"]
  for name in bucc.RETRIEVALS:
    cut = oracle_threshold(pairs["training"][name], gold["training"])
    expected = measures(pairs["test"][name], gold["test"], cut)
    assert 0.2 < expected[0] < 0.95
    assert row[name] == pytest.approx(expected[0], abs=0.02)  # A score may lie below the cut.
    if name == retrieval:
      expected = measures(pairs["test"][name], gold["test"], row["threshold"])
      assert (row["f1"]["value"], row["precision"], row["recall"]) == pytest.approx(expected)
      assert measures(pairs["training"][name], gold["training"], row["threshold"]) == (
        measures(pairs["training"][name], gold["training"], cut)
      )
  assert row["pairs"] == 25 and row["f1"]["low"] < row["f1"]["value"] < row["f1"]["high"]
  assert result["scored on"] == {"de": "test"}


@pytest.mark.parametrize(
  "score, gold, count, expected",
  [
    ([0.9, 0.5, 0.7, 0.1], [1, 0, 1, 0], 2, 0.6),
    ([0.9, 0.5, 0.7, 0.1], [1, 1, 1, 1], 4, 0.1),  # All: there is none below.
    ([0.5, 0.5, 0.5, 0.1], [1, 0, 0, 0], 1, 0.3),  # Equal scores are never parted.
    ([0.9, 0.5, 0.4], [1, 0, 1], 2, 0.4),  # 2/3 or 4/5.
    ([0.9, 0.5], [0, 0], 3, 0.7),  # None is found: the fewest.
    ([], [], 3, 0),
  ],
)
def test_thresholds_worked_by_hand(score, gold, count, expected):
  found = bucc.best_threshold(np.array(score), np.array(gold, bool), count)
  assert found == pytest.approx(expected)


def test_without_a_test_half_is_scored_by_the_threshold_of_the_other(tmp_path):
  x_texts, y_texts, ids, table = noisy(120)
  write_bucc(tmp_path, ids, de=x_texts, en=y_texts)
  result = bucc.Evaluator(data=tmp_path, retrieval="forward").run(look_up(table)).report
  gold = sorted(int(x[1:]) - 1 for x, _ in ids)
  rest = [row for row in range(120) if row not in gold]
  first = {x_texts[row] for rows in (gold[::2], rest[::2]) for row in rows}
  pairs = oracle_pairs(x_texts, y_texts, look_up(table), margin="ratio", k=4)["forward"]
  halves = {
    side: (
      [pair for pair in pairs if (pair[1] in first) is side],
      {pair for pair in texts_of(ids, x_texts, y_texts) if (pair[0] in first) is side},
    )
    for side in (True, False)
  }
  row, cut = result["results"]["de"], oracle_threshold(*halves[True])
  assert measures(*halves[True], row["threshold"]) == measures(*halves[True], cut)
  assert (row["f1"]["value"], row["precision"], row["recall"]) == pytest.approx(
    measures(*halves[False], row["threshold"])
  )
  assert row["pairs"] == 20 and "half" in result["scored on"]["de"]


def test_the_interval_is_that_of_resampled_sentences(tmp_path):
  x_texts, y_texts, ids, table = noisy(240)
  for part in ("training", "test"):
    write_bucc(tmp_path, ids, part, de=x_texts, en=y_texts)
  result = bucc.Evaluator(data=tmp_path, retrieval="forward").run(look_up(table)).report
  row = result["results"]["de"]
  gold = texts_of(ids, x_texts, y_texts)
  pairs = oracle_pairs(x_texts, y_texts, look_up(table), margin="ratio", k=4)["forward"]
  found_B = np.array([score >= row["threshold"] and (x, y) in gold for score, x, y in pairs])
  mined_B = np.array([score >= row["threshold"] for score, _, _ in pairs])
  gold_B = np.array([x in {pair[0] for pair in gold} for x in x_texts])
  drawn = np.random.default_rng(3).integers(0, 240, (10_000, 240))
  f1_R = 2 * found_B[drawn].sum(1) / (mined_B[drawn].sum(1) + gold_B[drawn].sum(1))
  expected = np.quantile(f1_R, [0.025, 0.975])
  assert (row["f1"]["low"], row["f1"]["high"]) == pytest.approx(tuple(expected), abs=0.01)
  assert result["average"]["f1"] == pytest.approx(row["f1"])


def test_languages_count_the_same(tmp_path):
  table = {}
  for seed, language in enumerate(["de", "fr"]):
    x_texts, y_texts, ids, more = noisy(40 + 20 * seed, language, seed)
    write_bucc(tmp_path, ids, language=language, **{language: x_texts, "en": y_texts})
    table |= more
  result = bucc.Evaluator(data=tmp_path).run(look_up(table)).report
  values = [row["f1"]["value"] for row in result["results"].values()]
  assert result["average"]["f1"]["value"] == pytest.approx(np.mean(values))
  assert result["average"]["languages"] == 2 and values[0] != values[1]
  few = bucc.Evaluator(data=tmp_path, minimum=15)
  assert list(few.training) == ["fr"] and few.skipped == {"de": 14}


@pytest.mark.parametrize(
  "options, message",
  [
    ({"languages": "fr"}, "holds no language 'fr'; choose from de"),
    ({"margin": "rato"}, "Unknown margin 'rato'; did you mean 'ratio'?"),
    ({"retrieval": "min"}, "Unknown retrieval 'min'"),
    ({"k": 4}, "de-en.training: k = 4; 1 to 3, the number of sentences"),
    ({"k": "one"}, "k = 'one'; 1 to 3"),
    ({"k": 1}, "de-en.training: has one gold pair; two are needed where there is no test"),
    ({"minimum": 2}, "no language has 2 pairs; the largest has 1"),
  ],
)
def test_options_that_do_not_fit_are_named(tmp_path, options, message):
  write_bucc(tmp_path, [("x1", "y1")], de=["a", "b", "c"], en=["A", "B", "C", "D"])
  with pytest.raises(InputError) as error:
    bucc.Evaluator(data=tmp_path, **options)
  assert message in str(error.value)
