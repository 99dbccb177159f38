"""The xsim suite against plain loops in float64."""

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.evaluators import xsim
from tests.support.suites import write_aligned

MARGINS = ["ratio", "distance", "absolute"]


def noisy(count, languages, noise=0.5, width=8):
  """({language: sentences}, encode): vectors of translations lie near one that they share."""
  rng = np.random.default_rng(count)
  texts = {language: [f"{language} {row}" for row in range(count)] for language in languages}
  # Away from the origin, as embeddings are, with a hub that is near to all.
  meaning_BD = rng.normal(size=(count, width)) + 1
  meaning_BD[0] = meaning_BD.mean(0)
  table = {}
  for side in texts.values():
    for text, meaning_D in zip(side, meaning_BD, strict=True):
      table[text] = meaning_D + noise * rng.normal(size=width)
  return texts, look_up(table)


def look_up(table):
  def encode(texts):
    rows = np.array([table[text] for text in texts])
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

  return encode


def oracle(x_texts, y_texts, encode, *, margin, k=4):
  """The errors of x -> y by plain loops, and those of the nearest neighbours alone."""
  x_BD, y_CD = (encode(texts).astype(np.float64) for texts in (x_texts, y_texts))
  cosine = [[float(x_D @ y_D) for y_D in y_CD] for x_D in x_BD]

  def mean_of(row):
    return sum(sorted(row, reverse=True)[:k]) / k

  mean_x = [mean_of(row) for row in cosine]
  mean_y = [mean_of(column) for column in zip(*cosine, strict=True)]
  wrong = 0
  for b, row in enumerate(cosine):
    score = {}
    for c in sorted(range(len(row)), key=lambda c: -row[c])[:k]:
      mean = (mean_x[b] + mean_y[c]) / 2
      score[c] = {"ratio": row[c] / mean, "distance": row[c] - mean, "absolute": row[c]}[margin]
    wrong += y_texts[max(score, key=score.get)] != y_texts[b]
  return wrong / len(x_texts)


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("k", [4, 7])
def test_agrees_with_float64_loops(tmp_path, margin, k):
  texts, encode = noisy(110, ["eng", "fra"])
  write_aligned(tmp_path, **texts)
  result = xsim.Evaluator(data=tmp_path, margin=margin, k=k).run(encode).report["results"]["fra"]
  forward = oracle(texts["fra"], texts["eng"], encode, margin=margin, k=k)
  backward = oracle(texts["eng"], texts["fra"], encode, margin=margin, k=k)
  assert 0.1 < forward < 0.9 and forward != backward
  assert (result["forward"], result["backward"], result["pairs"]) == (forward, backward, 110)
  assert result["error"]["value"] == pytest.approx((forward + backward) / 2)
  assert next(iter(result)) == "error"


def test_margins_and_neighbours_differ(tmp_path):
  """Else the test above would not tell them apart."""
  texts, encode = noisy(110, ["eng", "fra"])
  errors = {
    (margin, k): oracle(texts["eng"], texts["fra"], encode, margin=margin, k=k)
    for margin in MARGINS
    for k in (4, 7)
  }
  assert errors["ratio", 4] < errors["absolute", 4] and errors["ratio", 4] != errors["ratio", 7]
  assert errors["ratio", 7] != errors["distance", 7]


def test_scores_of_a_case_worked_by_hand():
  # x0 is nearer to the hub y1 (0.8) than to y0 (0.6). Means of k = 2: 0.7 of x0, 0.3 of y0, 0.8 of
  # y1. So x0's ratios are 0.6 / 0.5 and 0.8 / 0.75, its distances 0.6 - 0.5 and 0.8 - 0.75.
  x_BD = np.array([[0.6, 0.8, 0], [0, 0.8, 0.6]], np.float32)
  y_BD = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
  found = {
    name: [side.tolist() for side in xsim.best(x_BD, y_BD, margin=name, k=2)]
    for name in xsim.MARGINS
  }
  assert found["absolute"][0] == [1, 1] and found["ratio"][0] == [0, 1]
  assert found["distance"][0] == [0, 1]


def test_textual_ties_are_right(tmp_path):
  texts = {"eng": ["one", "one", "two", "three"], "fra": ["un", "uno", "deux", "trois"]}
  table = {"one": [1, 0, 0], "un": [1, 0.01, 0], "uno": [1, 0.02, 0]}
  table |= {"two": [0, 1, 0], "deux": [0, 1, 0], "three": [0, 0, 1], "trois": [0, 0, 1]}
  write_aligned(tmp_path, **texts)
  result = xsim.Evaluator(data=tmp_path, k=1).run(look_up(table)).report["results"]["fra"]
  assert (result["forward"], result["backward"]) == (0, 0.25)  # The second "one" finds "un".


def test_a_collapsed_model_finds_nothing(tmp_path):
  texts, _ = noisy(50, ["eng", "fra"])
  write_aligned(tmp_path, **texts)
  result = xsim.Evaluator(data=tmp_path).run(lambda texts: np.full((len(texts), 4), 0.5)).report
  assert result["average"]["forward"] == result["average"]["backward"] == 49 / 50


def test_intervals_draw_the_same_sentences_for_all_languages(tmp_path):
  texts, encode = noisy(100, ["eng", "fra"])
  texts["copy"] = texts["fra"]
  write_aligned(tmp_path, **texts)
  result = xsim.Evaluator(data=tmp_path).run(encode).report
  assert result["results"]["copy"] == result["results"]["fra"]
  # Drawn apart, the average of two equal languages would be narrower by the root of two.
  assert result["average"]["error"] == pytest.approx(result["results"]["fra"]["error"])
  found = xsim.best(encode(texts["fra"]), encode(texts["eng"]), margin="ratio", k=4)
  wrong_B = np.mean([side != np.arange(100) for side in found], axis=0)
  rng = np.random.default_rng(7)
  expected = np.quantile(wrong_B[rng.integers(0, 100, (20_000, 100))].mean(1), [0.025, 0.975])
  error = result["average"]["error"]
  assert (error["low"], error["high"]) == pytest.approx(tuple(expected), abs=0.006)
  assert error["low"] < error["value"] < error["high"]


def test_languages_count_the_same_and_the_pivot_is_not_among_them(tmp_path):
  texts, encode = noisy(40, ["eng", "deu", "fra"])
  texts["fra"] = texts["eng"]
  write_aligned(tmp_path, **texts)
  result = xsim.Evaluator(data=tmp_path).run(encode).report
  errors = {name: row["error"]["value"] for name, row in result["results"].items()}
  assert errors == {"deu": errors["deu"], "fra": 0} and errors["deu"] > 0
  assert result["average"]["error"]["value"] == pytest.approx(errors["deu"] / 2)
  assert result["average"]["languages"] == 2 and result["skipped"] == {}


@pytest.mark.parametrize(
  "suffix, names, options, expected",
  [
    (".devtest", ["eng_Latn", "fra_Latn"], {}, ("fra_Latn", "eng_Latn")),
    (".dev", ["eng_Latn", "fra_Latn"], {"pivot": "fra_Latn"}, ("eng_Latn", "fra_Latn")),
    (".txt", ["eng", "eng-GB", "fra"], {"languages": "fra"}, ("fra", "eng")),
    (".txt", ["eng", "eng-GB"], {}, ("eng-GB", "eng")),
    (".txt", ["eng", "fra", "deu"], {"languages": ["eng"], "pivot": "deu"}, ("eng", "deu")),
  ],
)
def test_layouts_and_pivots(tmp_path, suffix, names, options, expected):
  texts, _ = noisy(4, names)
  write_aligned(tmp_path, suffix, **texts)
  evaluator = xsim.Evaluator(data=tmp_path, **options)
  assert evaluator.pairs() == {expected[0]: (texts[expected[0]], texts[expected[1]])}


def test_ntrex_is_read_by_its_own_names(tmp_path):
  names = ["newstest2019-src.eng", "newstest2019-ref.eng-GB", "newstest2019-ref.deu"]
  texts, _ = noisy(4, names)
  write_aligned(tmp_path, **texts)
  evaluator = xsim.Evaluator(data=tmp_path)
  english = texts["newstest2019-src.eng"]
  expected = {name: (texts[f"newstest2019-ref.{name}"], english) for name in ("deu", "eng-GB")}
  assert evaluator.pairs() == expected and list(evaluator.pairs()) == list(expected)
  write_aligned(tmp_path, deu=english)
  with pytest.raises(InputError, match=r"deu\.txt and newstest2019-ref\.deu\.txt are both called"):
    xsim.Evaluator(data=tmp_path)


@pytest.mark.parametrize(
  "options, message",
  [
    ({"pivot": "deu"}, "holds no file of the pivot 'deu'; choose from eng, fra"),
    ({"languages": "eng"}, "holds no language 'eng'; choose from fra"),
    ({"margin": "rato"}, "Unknown margin 'rato'; did you mean 'ratio'?"),
    ({"k": 6}, "k = 6; 1 to 5, the number of sentences"),
    ({"k": "four"}, "k = 'four'; 1 to 5"),
    ({"minimum": 6}, "no language has 6 pairs; the largest has 5"),
  ],
)
def test_options_that_do_not_fit_are_named(tmp_path, options, message):
  write_aligned(tmp_path, **noisy(5, ["eng", "fra"])[0])
  with pytest.raises(InputError) as error:
    xsim.Evaluator(data=tmp_path, **options)
  assert message in str(error.value)


def test_folders_that_do_not_fit_are_named(tmp_path):
  write_aligned(tmp_path, fra=["un", "deux"])
  with pytest.raises(InputError, match="no file of the pivot 'eng' or 'eng_Latn'; choose from fra"):
    xsim.Evaluator(data=tmp_path)
  with pytest.raises(InputError, match="holds no language beside 'fra'"):
    xsim.Evaluator(data=tmp_path, pivot="fra")
  write_aligned(tmp_path, eng=["one"])
  with pytest.raises(InputError, match=r"fra\.txt has 2 lines and .*eng\.txt 1"):
    xsim.Evaluator(data=tmp_path)
