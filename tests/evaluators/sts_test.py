"""The STS suite against scipy."""

import gzip

import numpy as np
import pytest
from scipy import stats

from labse_jax.base.errors import InputError
from labse_jax.evaluation import resampling
from labse_jax.evaluation.result_table import notes
from labse_jax.evaluators import sts

PAIRS = [(4.5, "a cat", "a tom"), (0.0, "a cat", "a dog"), (2.25, "one", "two"), (5, "x", "x")]
HEADER = "genre\tfilename\tyear\tid\tscore\tsentence1\tsentence2"


def write(path, pairs, *, form="plain"):
  before = "" if form == "plain" else "news\tMSRpar\t2012test\t0001\t"
  lines = [HEADER] if form == "header" else []
  lines += [before + "\t".join(map(str, pair)) for pair in pairs]
  path.write_text("\n".join(lines) + "\n", encoding="utf-8")
  return path


def encode(texts):
  """Unit vectors that depend on the text alone."""

  def rng(text):
    return np.random.default_rng(list(text.encode()))

  rows = np.array([rng(text).normal(size=5) for text in texts], np.float32)
  return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def random_pairs(count, seed=0):
  """Pairs with scores of few values, and some pairs twice: both sides of the correlation tie."""
  rng = np.random.default_rng(seed)
  pairs = [(rng.integers(0, 6) / 2, f"a {row}", f"b {row}") for row in range(count * 3 // 4)]
  return pairs + [(rng.integers(0, 6) / 2, *pairs[row][1:]) for row in range(count - len(pairs))]


def cosines(pairs):
  x_BD, y_BD = (encode([pair[side] for pair in pairs]).astype(np.float64) for side in (1, 2))
  return np.array([x_D @ y_D for x_D, y_D in zip(x_BD, y_BD, strict=True)])


def test_agrees_with_scipy_ties_included(tmp_path):
  pairs = random_pairs(200)
  path = write(tmp_path / "set.tsv", pairs)
  result = sts.Evaluator(data=path).run(encode).report["results"]["set"]
  gold_B = [pair[0] for pair in pairs]
  rho, r = stats.spearmanr(cosines(pairs), gold_B)[0], stats.pearsonr(cosines(pairs), gold_B)[0]
  assert abs(rho) > 0.005 and abs(rho - r) > 1e-4
  assert list(result) == ["spearman", "pearson", "pairs"] and result["pairs"] == 200
  assert result["spearman"]["value"] == pytest.approx(rho, abs=1e-12)
  assert result["pearson"] == pytest.approx(r, abs=1e-6)


@pytest.mark.parametrize("ties", [False, True])
def test_every_resampling_agrees_with_scipy(ties):
  rng = np.random.default_rng(1)
  x_B, y_B = rng.normal(size=(2, 60))
  if ties:
    x_B, y_B = x_B.round(), y_B.round(1)
  counts_rB = rng.multinomial(60, np.full(60, 1 / 60), size=20)
  drawn = [np.repeat(np.arange(60), counts_B) for counts_B in counts_rB]
  rho_r = [stats.spearmanr(x_B[items], y_B[items])[0] for items in drawn]
  r_r = [stats.pearsonr(x_B[items], y_B[items])[0] for items in drawn]
  np.testing.assert_allclose(sts.spearman(x_B, y_B, counts_rB), rho_r, atol=1e-12)
  np.testing.assert_allclose(sts.pearson(x_B, y_B, counts_rB), r_r, atol=1e-12)
  for ranks_B, items in zip(sts.ranks(x_B, counts_rB), drawn, strict=True):
    np.testing.assert_array_equal(ranks_B[items], stats.rankdata(x_B[items]))


def test_the_interval_is_that_of_resampled_pairs(tmp_path):
  pairs = random_pairs(120)
  table = {text: row for _, *texts in pairs for text, row in zip(texts, encode(texts), strict=True)}
  for score, first, second in pairs:  # So that the cosines say something of the scores.
    table[second] = table[first] + table[second] * (3 - score)
    table[second] /= np.linalg.norm(table[second])

  def near(texts):
    return np.array([table[text] for text in texts])

  result = sts.Evaluator(data=write(tmp_path / "set.tsv", pairs)).run(near).report
  metric = result["results"]["set"]["spearman"]
  cosine_B = (near([pair[1] for pair in pairs]) * near([pair[2] for pair in pairs])).sum(1)
  gold_B = np.array([pair[0] for pair in pairs])
  rng = np.random.default_rng(5)
  draws = [
    stats.spearmanr(cosine_B[items], gold_B[items])[0]
    for items in rng.integers(0, 120, (2000, 120))
  ]
  assert 0.3 < metric["value"] < 0.9
  low, high = np.quantile(draws, [0.025, 0.975])
  assert (metric["low"], metric["high"]) == pytest.approx((low, high), abs=0.02)
  assert result["average"]["spearman"] == pytest.approx(metric)  # It is the only set.


@pytest.mark.parametrize("form", ["plain", "header", "STS-B"])
def test_the_usual_forms_are_read(tmp_path, form):
  first, second, gold_B = sts.read_pairs(write(tmp_path / "x.csv", PAIRS, form=form))
  assert gold_B.tolist() == [4.5, 0, 2.25, 5]
  assert first == ["a cat", "a cat", "one", "x"] and second == ["a tom", "a dog", "two", "x"]


def test_columns_come_by_name_and_more_of_them_do_no_harm(tmp_path):
  path = tmp_path / "x.tsv"
  path.write_text('index\tsentence1\tsentence2\tscore\n0\t"a\tb"\t1.5\n1\tc\td\t2\n')
  assert sts.read_pairs(path)[0] == ['"a', "c"]  # A quotation mark is a letter as any other.
  write(path, [(*pair, "source of one", "of the other") for pair in PAIRS], form="STS-B")
  assert sts.read_pairs(path)[1] == ["a tom", "a dog", "two", "x"]


def test_semevals_own_files_are_read_in_pairs(tmp_path):
  texts = "a cat\ta tom\nno\tscore\na cat\ta dog\tsource\tother\none\ttwo\n"
  (tmp_path / "STS.input.track5.en-en.txt").write_text(texts)
  (tmp_path / "STS.gs.track5.en-en.txt").write_text("4.5\n\u200b\n0\n2.25\n", "utf-8")
  for data in (tmp_path, tmp_path / "STS.input.track5.en-en.txt"):
    evaluator = sts.Evaluator(data=data)
    ((name, (first, second, gold_B)),) = evaluator.sets.items()
    assert name == "track5.en-en" and gold_B.tolist() == [4.5, 0, 2.25]
    assert first == ["a cat", "a cat", "one"] and second == ["a tom", "a dog", "two"]
  result = evaluator.run(encode).report
  assert notes(result) == ["scored on the pairs with a score (without: 1): track5.en-en"]
  (tmp_path / "STS.gs.track5.en-en.txt").write_text("4.5\n\n0\n")
  with pytest.raises(InputError, match=r"gs\.track5\.en-en\.txt has 3 lines and .*input.* 4"):
    sts.Evaluator(data=tmp_path)
  (tmp_path / "STS.gs.track5.en-en.txt").unlink()
  with pytest.raises(InputError, match=r"STS\.gs\.track5\.en-en\.txt: no such file"):
    sts.Evaluator(data=tmp_path)


def test_a_folder_holds_a_set_a_file(tmp_path, monkeypatch):
  monkeypatch.setattr(resampling, "RESAMPLES", 50)
  write(tmp_path / "korsts.dev.tsv", random_pairs(20), form="header")
  write(tmp_path / "stsb.csv", random_pairs(12, seed=3), form="STS-B")
  (tmp_path / "x.tsv.gz").write_bytes(gzip.compress(write(tmp_path / "x", PAIRS).read_bytes()))
  result = sts.Evaluator(data=tmp_path).run(encode).report
  assert {name: row["pairs"] for name, row in result["results"].items()} == {
    "korsts.dev": 20,
    "stsb": 12,
    "x": 4,
  }
  average, rows = result["average"], result["results"].values()
  assert average["sets"] == 3
  assert average["pearson"] == pytest.approx(np.mean([row["pearson"] for row in rows]))
  assert average["spearman"]["value"] == pytest.approx(
    np.mean([row["spearman"]["value"] for row in rows])
  )
  alone = sts.Evaluator(data=tmp_path, languages="stsb,x", minimum=5).run(encode).report
  assert alone["results"] == {"stsb": result["results"]["stsb"]} and alone["skipped"] == {"x": 4}


def test_a_collapsed_model_has_no_correlation(tmp_path):
  path = write(tmp_path / "set.tsv", PAIRS)
  result = sts.Evaluator(data=path).run(lambda texts: np.ones((len(texts), 4)) / 2).report
  assert result["results"]["set"] == {
    "spearman": {"value": 0, "low": 0, "high": 0},
    "pearson": 0,
    "pairs": 4,
  }


@pytest.mark.parametrize(
  "text, message",
  [
    ("1\ta\tb\n2\tc\n", "x.tsv:2: has 2 columns; 3 are needed"),
    (f"{HEADER}\ng\tf\ty\ti\t1\ta\n", "x.tsv:2: has 6 columns; 7 are needed"),
    ("1\ta\tb\tc\n", "x.tsv:1: has 4 columns separated by tabs; a header with score"),
    ("1\ta\tb\n\n", "x.tsv:2: has 1 columns"),
    ("1\ta\tb\nhigh\tc\td\n", "x.tsv:2: the score is 'high'; a number"),
    ("1\ta\tb\n\tc\td\n", "x.tsv:2: the score is ''; a number"),
    ("nan\ta\tb\n", "x.tsv:1: the score is nan; a finite number"),
    ("1\ta\tb\n2\t \td\n", "x.tsv:2: a sentence is empty"),
    ("1\ta\tb\n1\tc\td\n", "x.tsv: has fewer than two different scores"),
    ("", "x.tsv: has fewer than two different scores"),
  ],
)
def test_lines_that_do_not_fit_are_named(tmp_path, text, message):
  (tmp_path / "x.tsv").write_text(text)
  with pytest.raises(InputError, match=message):
    sts.Evaluator(data=tmp_path)


def test_unknown_sets_and_folders_are_named(tmp_path):
  with pytest.raises(InputError, match="nowhere: no such folder; it should hold .* NAME.csv"):
    sts.Evaluator(data=tmp_path / "nowhere")
  write(tmp_path / "x.tsv", PAIRS)
  with pytest.raises(InputError, match="holds no language 'y'; choose from x"):
    sts.Evaluator(data=tmp_path, languages=["y"])
