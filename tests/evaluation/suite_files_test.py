"""What evaluators share: files, choices, encoding and resampling."""

import gzip

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.encoding import encode_functions
from labse_jax.evaluation import resampling, suite_files


def fill(folder, *names):
  for name in names:
    (folder / name).write_text("x\n")


def test_files_are_named_by_their_stems(tmp_path):
  fill(tmp_path, "fra.txt", "srp-Latn.txt.gz", "eng_Latn.dev", "README.md", ".fra.txt", "a.gz")
  (tmp_path / "deu.txt").mkdir()  # Said when it is read.
  found = suite_files.files_in(tmp_path, (".txt", ".dev"))
  assert {name: path.name for name, path in found.items()} == {
    "deu": "deu.txt",
    "eng_Latn": "eng_Latn.dev",
    "fra": "fra.txt",
    "srp-Latn": "srp-Latn.txt.gz",
  }


def test_folders_that_do_not_fit_are_named(tmp_path):
  with pytest.raises(InputError, match="no such folder; it should hold files NAME.txt or NAME.dev"):
    suite_files.files_in(tmp_path / "nowhere", (".txt", ".dev"))
  with pytest.raises(InputError, match=r"holds no file NAME\.txt\."):
    suite_files.files_in(tmp_path, (".txt",))
  fill(tmp_path, "eng.dev", "eng.devtest.gz")
  with pytest.raises(InputError, match=r"eng\.dev and eng\.devtest\.gz are both called 'eng'"):
    suite_files.files_in(tmp_path, (".dev", ".devtest"))


@pytest.mark.parametrize(
  "asked, expected",
  [
    (None, ["a", "b", "c"]),
    ("c, a", ["c", "a"]),
    (["b", "b"], ["b"]),
    ("two", ["a", "c"]),
    (("c", "two"), ["c", "a"]),
  ],
)
def test_languages_are_chosen_in_the_order_asked(asked, expected):
  assert suite_files.choose(asked, ["a", "b", "c"], "data", {"two": ["a", "c"]}) == expected


@pytest.mark.parametrize("groups, more", [(None, r"a, b\.$"), ({"g": ["a"]}, "a, b or the groups")])
def test_unknown_languages_are_named(groups, more):
  with pytest.raises(InputError, match=f"data: holds no language 'x', 'y'; choose from {more}"):
    suite_files.choose("x,a,y", ["a", "b"], "data", groups)


def test_no_language_at_all_is_refused():
  with pytest.raises(InputError, match="data: no language is asked for; choose from a, b"):
    suite_files.choose([], ["a", "b"], "data")


def test_aligned_files_are_read_side_by_side(tmp_path):
  (tmp_path / "a").write_text("un\ndeux\n")
  with gzip.open(tmp_path / "b.gz", "wt") as file:
    file.write("one\ntwo\n")
  assert suite_files.read_aligned(tmp_path / "a", tmp_path / "b.gz") == (
    ["un", "deux"],
    ["one", "two"],
  )
  (tmp_path / "c").write_text("one\n")
  with pytest.raises(InputError, match="a has 2 lines and .*c 1; line N of one"):
    suite_files.read_aligned(tmp_path / "a", tmp_path / "c")
  (tmp_path / "d").write_text("")
  with pytest.raises(InputError, match="d: is empty"):
    suite_files.read_aligned(tmp_path / "d", tmp_path / "d")


def test_small_sets_are_put_aside():
  pairs = {"a": (["x"], ["y"]), "b": (["x", "z"], ["y", "y"])}
  assert suite_files.large_enough(pairs, 2, "data") == ({"b": pairs["b"]}, {"a": 1})
  assert suite_files.large_enough(pairs, 0, "data") == (pairs, {})
  with pytest.raises(InputError, match="data: no language has 3 pairs; the largest has 2"):
    suite_files.large_enough(pairs, 3, "data")


def test_each_text_is_encoded_once():
  asked = []

  def encode(texts):
    asked.extend(texts)
    return np.array([[float(text)] for text in texts])

  row_of, vectors_ND = encode_functions.encode_distinct(
    [(["1", "2"], ["3", "1"]), (["2"], ["4"])], encode
  )
  assert asked == ["1", "2", "3", "4"]
  assert all(vectors_ND[row, 0] == float(text) for text, row in row_of.items())
  with pytest.raises(InputError, match="vector of 'nan' is not finite"):
    encode_functions.encode_distinct([(["1", "nan"],)], encode)


def test_resamplings_draw_every_item_alike(monkeypatch):
  monkeypatch.setattr(resampling, "DRAWN_AT_ONCE", 7 * 30)  # 10,000 is no multiple of 30.
  counts_RB = resampling.resampled(lambda counts_rB: counts_rB, 7, key=3)
  assert counts_RB.shape == (resampling.RESAMPLES, 7) and (counts_RB.sum(1) == 7).all()
  # A count is binomial of 7 and 1/7: mean 1, variance 6/7, and -1/7 with another's.
  np.testing.assert_allclose(counts_RB.mean(0), 1, atol=0.05)
  covariance = np.cov(counts_RB.T)
  np.testing.assert_allclose(covariance, np.eye(7) - 1 / 7, atol=0.05)


def test_the_key_alone_decides_the_draws():
  draws = [resampling.resampled(lambda c_rB: c_rB[:, 0], 50, key=key) for key in (1, 1, 2)]
  assert (draws[0] == draws[1]).all() and (draws[0] != draws[2]).any()


def test_an_interval_holds_95_percent():
  metric = resampling.interval(np.float32(0.5), np.arange(1001) / 1000)
  assert metric == pytest.approx({"value": 0.5, "low": 0.025, "high": 0.975})
  assert type(metric["value"]) is float
  both = resampling.both_directions("error", 0.2, 0.4, np.full(9, 0.3))
  assert list(both) == ["error", "forward", "backward"]
  assert both["error"] == pytest.approx({"value": 0.3, "low": 0.3, "high": 0.3})


def test_totals_of_rows_are_those_of_drawn_rows():
  rng = np.random.default_rng(2)
  rows_BJ = rng.integers(0, 3, (80, 2))
  totals_RJ = resampling.resampled_totals(rows_BJ, key=1)
  drawn_RJ = rows_BJ[rng.integers(0, 80, (10_000, 80))].sum(1)
  assert totals_RJ.shape == (resampling.RESAMPLES, 2)
  np.testing.assert_allclose(totals_RJ.mean(0), drawn_RJ.mean(0), rtol=0.01)
  np.testing.assert_allclose(np.cov(totals_RJ.T), np.cov(drawn_RJ.T), atol=2.5)


def test_totals_do_not_depend_on_how_many_are_drawn_at_once(monkeypatch):
  rows_BJ = np.random.default_rng(2).integers(0, 3, (80, 2)).astype(np.float16)
  totals_RJ = resampling.resampled_totals(rows_BJ, key=1)
  monkeypatch.setattr(resampling, "DRAWN_AT_ONCE", 9 * 700)  # 10,000 is no multiple of 700.
  np.testing.assert_array_equal(resampling.resampled_totals(rows_BJ, key=1), totals_RJ)


def test_languages_of_one_name_are_drawn_together():
  x_B, y_B = np.random.default_rng(2).integers(0, 3, (2, 50)) / 2
  items = {"a": x_B, "b": y_B, "c": 1 - x_B}
  draws = resampling.mean_draws(items, {"a": "files", "c": "files"})
  assert list(draws) == ["a", "b", "c"]
  np.testing.assert_allclose(draws["a"] + draws["c"], 1)
  assert abs(np.corrcoef(draws["b"], draws["a"])[0, 1]) < 0.05
  np.testing.assert_allclose(draws["b"].mean(), y_B.mean(), atol=0.005)
