"""Vectors of another system in the place of a model."""

import gzip
import os

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.encoding import vector_files
from labse_jax.evaluators import tatoeba

TEXTS = ["un", "deux\u2028trois", "", "one"]


def store(folder, vectors_ND, texts=TEXTS):
  np.save(folder / "v.npy", vectors_ND)
  (folder / "v.txt").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
  return folder / "v.npy"


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_text_gets_its_row_normalised(tmp_path, dtype):
  x_ND = np.random.default_rng(0).normal(size=(4, 5)).astype(dtype)
  encode = vector_files.load_encode(store(tmp_path, x_ND))
  z_ND = encode(["one", "deux\u2028trois", "one"])
  expected_ND = x_ND[[3, 1, 3]].astype(np.float64)
  expected_ND /= np.sqrt((expected_ND**2).sum(1, keepdims=True))
  assert z_ND.dtype == np.float32
  np.testing.assert_allclose(z_ND, expected_ND, atol=1e-6)


def test_rows_are_found_by_the_numbers_of_their_lines(tmp_path):
  x_ND = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float16)
  path = store(tmp_path, x_ND)
  z_ND = vector_files.rows_of(path, [4, 2])
  np.testing.assert_array_equal(z_ND, vector_files.load_encode(path)(["one", "deux\u2028trois"]))
  with pytest.raises(InputError, match="has 4 rows and .*v.txt 3 lines"):
    vector_files.rows_of(store(tmp_path, x_ND, TEXTS[:3]), [1])


def test_the_texts_beside_may_be_compressed(tmp_path):
  path = store(tmp_path, np.ones((4, 2), np.float32))
  (tmp_path / "v.txt.gz").write_bytes(gzip.compress((tmp_path / "v.txt").read_bytes()))
  (tmp_path / "v.txt").unlink()
  assert vector_files.texts_beside(path) == tmp_path / "v.txt.gz"
  assert vector_files.rows_of(path, [2]).shape == (1, 2)


@pytest.mark.parametrize("texts", ["news.de", "news.de.gz", "news.txt"])
def test_the_texts_may_be_what_the_vectors_are_named_after(tmp_path, texts):
  path = tmp_path / f"{texts}.npy"
  path.touch()
  (tmp_path / texts).touch()
  assert vector_files.texts_beside(path) == tmp_path / texts
  preferred = path.with_suffix(".txt")
  preferred.mkdir()
  assert vector_files.texts_beside(path) == tmp_path / texts
  preferred.rmdir()
  preferred.touch()
  assert vector_files.texts_beside(path) == preferred


def test_both_names_of_missing_texts_are_said(tmp_path):
  (tmp_path / "news.de.npy").touch()
  (tmp_path / "news.de").mkdir()
  with pytest.raises(InputError, match=r"news\.de\.txt: no such file, and no .*/news\.de; line N"):
    vector_files.texts_beside(tmp_path / "news.de.npy")


@pytest.mark.parametrize("missing", ["v.npy", "v.txt"])
def test_the_one_of_both_that_is_missing_is_named(tmp_path, missing):
  path = store(tmp_path, np.ones((4, 2), np.float32))
  (tmp_path / missing).unlink()
  with pytest.raises(InputError, match=f"{missing}: no such file"):
    vector_files.texts_beside(path)


def test_a_vector_of_nothing_stays_finite(tmp_path):
  encode = vector_files.load_encode(store(tmp_path, np.zeros((4, 2), np.float32)))
  assert not encode(TEXTS).any()


@pytest.mark.parametrize(
  "vectors, message",
  [
    (np.ones((3, 2), np.float32), "has 3 rows and .*v.txt 4 lines"),
    (np.ones((4, 2), np.float64), r"holds float64 of shape \[4, 2\]; float16 or float32"),
    (np.ones(4, np.float32), r"of shape \[4\]"),
    (np.array([[1], [1], [np.nan], [1]], np.float32), r"row 3 \(from 1\) is not finite"),
    (np.array([[1], [np.inf], [1], [1]], np.float16), r"row 2 \(from 1\) is not finite"),
  ],
)
def test_vectors_that_do_not_fit_are_said(tmp_path, vectors, message):
  with pytest.raises(InputError, match=message):
    vector_files.load_encode(store(tmp_path, vectors))


def test_what_is_missing_is_named(tmp_path):
  path = store(tmp_path, np.ones((4, 2), np.float32))
  encode = vector_files.load_encode(path)
  with pytest.raises(InputError, match="2 of the 3 texts have no vector, such as 'two'"):
    encode(["one", "two", "three"])
  for broken in (b"no array", path.read_bytes()[:-1], b""):  # Torn, and cut to nothing.
    path.write_bytes(broken)
    with pytest.raises(InputError, match="v.npy: cannot be read as a .npy file"):
      vector_files.load_encode(path)
  (tmp_path / "v.txt").unlink()
  np.save(path, np.ones((4, 2), np.float32))
  with pytest.raises(InputError, match="v.txt: no such file"):
    vector_files.load_encode(path)
  with pytest.raises(InputError, match="w.npy: no such file"):
    vector_files.load_encode(tmp_path / "w.npy")


def test_an_archive_of_arrays_is_refused(tmp_path):
  path = tmp_path / "v.npy"
  with open(path, "wb") as file:
    np.savez(file, np.ones((4, 2), np.float32))
  with pytest.raises(InputError, match=r"v.npy: is an archive of arrays \(.npz\)"):
    vector_files.load_encode(path)
  path.write_bytes(path.read_bytes()[:-30])
  with pytest.raises(InputError, match="v.npy: cannot be read as a .npy file"):
    vector_files.load_encode(path)


def test_the_written_texts_are_those_that_a_suite_asks_for(tmp_path):
  for language, texts in (("fra", ["un", "deux"]), ("deu", ["eins", "un"])):
    (tmp_path / f"tatoeba.{language}-eng.{language}").write_text("\n".join(texts))
    (tmp_path / f"tatoeba.{language}-eng.eng").write_text("one\ntwo")
  evaluator = tatoeba.Evaluator(data=tmp_path)
  count = vector_files.write_texts(tmp_path / "out" / "v.txt", evaluator.texts())
  lines = (tmp_path / "out" / "v.txt").read_text().split("\n")
  assert lines == ["eins", "un", "one", "two", "deux", ""] and count == 5
  np.save(tmp_path / "out" / "v.npy", np.eye(5, dtype=np.float32))
  evaluator.run(vector_files.load_encode(tmp_path / "out" / "v.npy"))


def test_a_text_of_two_lines_cannot_be_written(tmp_path):
  with pytest.raises(InputError, match="has a line break"):
    vector_files.write_texts(tmp_path / "v.txt", ["a", "a\nb"])
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_only_a_file_is_written_over(tmp_path, make):
  make(tmp_path / "v.npy")
  with pytest.raises(InputError, match="v.npy: is a (pipe|folder); a file is needed"):
    vector_files.check_output(tmp_path / "v.npy", tmp_path / "in.txt")
