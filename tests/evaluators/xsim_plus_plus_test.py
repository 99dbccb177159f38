"""xsim among perturbations against plain loops in float64."""

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.evaluation.perturbations import KINDS, perturbed
from labse_jax.evaluators import xsim_plus_plus
from labse_jax.neighbours.margin import MARGINS
from tests.support.suites import write_aligned

WORDS = ["red", "green", "blue", "old", "new", "big", "small", "fast", "slow"]


def corpus(count):
  """(English, French): each with a number and an auxiliary, so that all but names can change."""
  rng = np.random.default_rng(count)
  english = [
    f"The {rng.choice(WORDS)} house {row} was {rng.choice(WORDS)}." for row in range(count)
  ]
  return english, [f"fr {row}" for row in range(count)]


class Encoder:
  """A French sentence lies near its English one, and a perturbation near what it was made of."""

  def __init__(self, english, french, noise=0.35):
    self.table = {}
    rng = np.random.default_rng(0)
    for text in english:
      self.table[text] = rng.normal(size=6) + 0.5
    for text, other in zip(french, english, strict=True):
      self.table[text] = self.table[other] + noise * rng.normal(size=6)
    for row, _, text in perturbed(english):
      self.table[text] = self.table[english[row]] + noise * rng.normal(size=6)

  def __call__(self, texts):
    rows = np.array([self.table[text] for text in texts])
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def best_texts(x_texts, y_texts, encode, margin, k):
  """The best candidate of each x by margin score, in plain loops."""
  cosine = encode(x_texts).astype(float) @ encode(y_texts).astype(float).T
  mean_x, mean_y = (np.sort(table, 1)[:, -k:].mean(1) for table in (cosine, cosine.T))
  found = []
  for x, row in enumerate(cosine):

    def mean(y, x=x):
      return (mean_x[x] + mean_y[y]) / 2

    score = {}
    for y in sorted(range(len(row)), key=lambda y, row=row: -row[y])[:k]:
      values = {"ratio": row[y] / mean(y), "distance": row[y] - mean(y), "absolute": row[y]}
      score[y] = values[margin]
    found.append(y_texts[max(score, key=score.get)])
  return found


@pytest.mark.parametrize("margin", MARGINS)
def test_agrees_with_float64_loops(tmp_path, margin):
  english, french = corpus(60)
  write_aligned(tmp_path, eng=english, fra=french)
  encode = Encoder(english, french)
  result = xsim_plus_plus.Evaluator(data=tmp_path, margin=margin, k=3).run(encode).report
  row, look_alikes = result["results"]["fra"], perturbed(english)
  kind_of = dict.fromkeys(english, "other") | {text: kind for _, kind, text in look_alikes}
  found = best_texts(french, list(kind_of), encode, margin, 3)
  wrong = [kind_of[text] for text, gold in zip(found, english, strict=True) if text != gold]
  assert result["candidates"] == len(kind_of) > 300
  assert row["error"]["value"] == pytest.approx(len(wrong) / 60) and 0.2 < len(wrong) / 60 < 0.95
  shares = {kind: row[kind] for kind in (*KINDS, "other")}
  assert shares == pytest.approx({kind: wrong.count(kind) / 60 for kind in shares})
  assert shares["number"] > 0 and shares["order"] > 0 and shares["name"] == 0
  alone = best_texts(french, english, encode, margin, 3)
  assert row["xsim"] == pytest.approx(np.mean([*map(str.__ne__, alone, english)]))
  assert row["xsim"] < row["error"]["value"] and row["pairs"] == 60


def test_languages_count_the_same_and_intervals_are_theirs(tmp_path):
  english, french = corpus(60)
  write_aligned(tmp_path, eng=english, fra=french, ita=french, deu=english)
  found = xsim_plus_plus.Evaluator(data=tmp_path, margin="absolute").run(Encoder(english, french))
  result = found.report
  rows, average = result["results"], result["average"]
  assert rows["deu"]["error"]["value"] == 0 and rows["ita"] == rows["fra"]
  assert average["error"]["value"] == pytest.approx(rows["fra"]["error"]["value"] * 2 / 3)
  assert average["number"] == pytest.approx(rows["fra"]["number"] * 2 / 3)
  error = rows["fra"]["error"]
  spread = 1.96 * (error["value"] * (1 - error["value"]) / 60) ** 0.5
  assert (error["high"] - error["low"]) / 2 == pytest.approx(spread, rel=0.15)
  assert np.quantile(found.paired.by_language["fra"], 0.025) == error["low"]
  assert average["languages"] == 3 and result["suite"] == "xsim_plus_plus"


def test_english_is_needed_and_options_are_those_of_xsim(tmp_path):
  write_aligned(tmp_path, fra=["un", "deux"], deu=["eins", "zwei"])
  with pytest.raises(InputError, match="no file of the pivot 'eng' or 'eng_Latn'"):
    xsim_plus_plus.Evaluator(data=tmp_path)
  write_aligned(tmp_path, eng=["one", "two"])
  with pytest.raises(InputError, match="k = 4; 1 to 2"):
    xsim_plus_plus.Evaluator(data=tmp_path)
