"""The UN suite against plain loops in float64."""

import errno
import os
import tempfile

import numpy as np
import pytest

from labse_jax.base import errors
from labse_jax.base.errors import InputError
from labse_jax.evaluation import comparison
from labse_jax.evaluators import un
from tests.support.suites import write_un

TAB = "\t"


def noisy(count, language="fr", noise=0.5):
  """({side: lines}, {text: vector}); some lines stand twice."""
  rng = np.random.default_rng(count)
  sides = {
    language: [f"{language} {row}" for row in range(count)],
    "en": [f"en {row}" for row in range(count)],
  }
  table = {}
  for x, y in zip(*sides.values(), strict=True):
    table[y] = rng.normal(size=5)
    table[x] = table[y] + noise * rng.normal(size=5)
  sides["en"][-1] = sides["en"][0]  # Whose vector is nearest to this last one's:
  table[sides[language][-1]] = table[sides[language][0]]
  return sides, table


class Encoder:
  def __init__(self, table):
    self.table, self.asked = table, []

  def __call__(self, texts):
    self.asked.append(texts)
    rows = np.array([self.table[text] for text in texts])
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def oracle(x_texts, y_texts, encode):
  """(forward, backward), the first among equals."""
  cosine = encode(x_texts).astype(np.float64) @ encode(y_texts).astype(np.float64).T
  forward = [y_texts[row.argmax()] == gold for row, gold in zip(cosine, y_texts, strict=True)]
  backward = [x_texts[row.argmax()] == gold for row, gold in zip(cosine.T, x_texts, strict=True)]
  return np.mean(forward), np.mean(backward)


@pytest.mark.parametrize("block", [1 << 16, 7])
def test_agrees_with_float64_loops_however_it_is_streamed(tmp_path, monkeypatch, block):
  monkeypatch.setattr(un, "LINES", block)
  sides, table = noisy(64)
  write_un(tmp_path, "UNv1.0.en-fr", **sides)
  encode = Encoder(table)
  result = un.Evaluator(data=tmp_path).run(encode).report
  assert max(map(len, encode.asked)) == min(block, 64)
  row, expected = result["results"]["fr"], oracle(*sides.values(), Encoder(table))
  assert 0.2 < expected[0] < 0.9 and expected[0] != expected[1]
  assert (row["forward"], row["backward"], row["pairs"]) == (*expected, 64)
  assert row["p_at_1"]["value"] == pytest.approx(np.mean(expected))
  assert row["p_at_1"]["low"] < row["p_at_1"]["value"] < row["p_at_1"]["high"]
  assert "documents" not in row and result["average"]["p_at_1"] == pytest.approx(row["p_at_1"])


@pytest.mark.parametrize("block", [1 << 16, 7])
def test_documents_are_averaged_vectors(tmp_path, monkeypatch, block):
  monkeypatch.setattr(un, "LINES", block)
  sides, table = noisy(64, noise=1)
  document_B = np.random.default_rng(0).integers(0, 20, 64)
  ids = [
    f"doc/{number}.xml{' ' if row % 2 else TAB}other\t1:{row}"
    for row, number in enumerate(document_B)
  ]
  write_un(tmp_path, "UNv1.0.6way", ids=ids, **sides)
  result = un.Evaluator(data=tmp_path).run(Encoder(table)).report
  vectors = [Encoder(table)(lines).astype(np.float64) for lines in sides.values()]
  means = [
    np.array([side[document_B == number].mean(0) for number in dict.fromkeys(document_B)])
    for side in vectors
  ]
  x, y = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in means)
  right = [(x @ y.T).argmax(1) == np.arange(len(x)), (y @ x.T).argmax(1) == np.arange(len(x))]
  row = result["results"]["fr"]
  assert row["documents"] == len(x) and 0.1 < np.mean(right) < 0.95
  assert row["document_p_at_1"]["value"] == pytest.approx(np.mean(right))
  assert result["average"]["document_p_at_1"] == pytest.approx(np.mean(right))


def test_english_that_languages_share_is_encoded_once(tmp_path):
  sides, table = noisy(20)
  write_un(tmp_path, "UNv1.0.6way", es=sides["fr"], **sides)
  write_un(tmp_path, "UNv1.0.en-zh", zh=sides["fr"][:8], en=sides["en"][:8])
  encode, evaluator = Encoder(table), un.Evaluator(data=tmp_path)
  result = evaluator.run(encode).report
  assert sum(map(len, encode.asked)) == 3 * 20 + 2 * 8
  assert set(evaluator.texts()) == {text for texts in encode.asked for text in texts}
  rows = result["results"]
  assert rows["es"]["forward"] == rows["fr"]["forward"] and list(rows) == ["es", "fr", "zh"]
  assert result["average"]["forward"] == pytest.approx(
    np.mean([row["forward"] for row in rows.values()])
  )
  assert result["average"]["languages"] == 3 and "document_p_at_1" not in result["average"]
  assert un.Evaluator(data=tmp_path, minimum=9, languages="zh,fr").skipped == {"zh": 8}


def test_aligned_languages_are_drawn_together(tmp_path):
  sides, table = noisy(64)
  write_un(tmp_path, "UNv1.0.6way", es=sides["fr"], **sides)
  results = {}
  paired = {}
  for name, noise in (("a", 0), ("b", 2)):
    rng = np.random.default_rng(3)
    moved = {text: row + noise * rng.normal(size=5) for text, row in table.items()}
    found = un.Evaluator(data=tmp_path).run(Encoder(moved))
    results[name] = found.report
    paired[name] = found.paired
  rows = results["a"]["results"]
  # Drawn apart, the average of two equal languages would be narrower by the root of two.
  assert rows["es"] == rows["fr"]
  assert results["a"]["average"]["p_at_1"] == pytest.approx(rows["fr"]["p_at_1"])
  (one,) = comparison.compare(results, paired)
  assert one["average"]["difference"] == pytest.approx(one["results"]["es"]["difference"])
  assert one["average"]["difference"]["low"] > 0.1


@pytest.mark.parametrize(
  "changes, message",
  [
    ({"en": ["one"]}, "UN.fr has 2 lines and .*UN.en 1; line N of one"),
    ({"en": [], "fr": []}, "UN.fr has 0 lines and .*UN.en 0"),
    ({"ids": ["a"]}, "UN.fr has 2 lines and .*UN.ids 1"),
  ],
)
def test_files_that_do_not_fit_are_named(tmp_path, changes, message):
  write_un(tmp_path, "UN", **{"fr": ["un", "deux"], "en": ["one", "two"], **changes})
  with pytest.raises(InputError, match=message):
    un.Evaluator(data=tmp_path)


def test_folders_that_do_not_fit_are_named(tmp_path):
  with pytest.raises(InputError, match="nowhere: no such folder"):
    un.Evaluator(data=tmp_path / "nowhere")
  write_un(tmp_path, "UN", fr=["un"])
  with pytest.raises(InputError, match=r"holds no file NAME\.XX beside NAME\.en"):
    un.Evaluator(data=tmp_path)
  write_un(tmp_path, "UN", en=["one"])
  write_un(tmp_path, "UN2", fr=["un"], en=["one"])
  with pytest.raises(InputError, match=r"UN2\.fr and .*UN\.fr are both of 'fr'"):
    un.Evaluator(data=tmp_path)


def test_a_full_disk_is_said_before_anything_is_mapped(tmp_path, monkeypatch, capsys):
  def full(_, start, size):
    assert (start, size) == (0, 2 * 5 * 4)
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

  write_un(tmp_path, "UN", fr=["un", "deux"], en=["one", "two"])
  monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
  evaluator = un.Evaluator(data=tmp_path)
  with pytest.raises(SystemExit) as status:
    errors.run(lambda _: evaluator.run(lambda texts: np.ones((len(texts), 5))), [])
  assert status.value.code == 2
  said = f"labse-jax: {tempfile.gettempdir()}: No space left on device\n"
  assert capsys.readouterr().err == said


def test_vectors_that_are_not_finite_are_an_error(tmp_path):
  write_un(tmp_path, "UN", fr=["un", "deux"], en=["one", "two"])
  with pytest.raises(InputError, match="not finite"):
    un.Evaluator(data=tmp_path).run(lambda texts: np.full((len(texts), 2), np.nan))
