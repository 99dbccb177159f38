"""Functions from texts to vectors: each distinct text once, and always unit vectors."""

import numpy as np
import pytest
from tqdm import tqdm

from labse_jax.base.errors import InputError
from labse_jax.encoding import chunked_encoder, encode_functions
from labse_jax.encoding.encode_functions import encode_distinct, encode_function, number_distinct
from labse_jax.encoding.sentence_encoder import SentenceEncoder

TEXTS = ["a", "b", "a", "c", "b", "a"]


def test_a_folder_and_stored_vectors_stand_for_each_other(tiny_folder, tiny_encoder, tmp_path):
  by_folder = encode_functions.load_encode(str(tiny_folder), prompt="so: ")
  expected = tiny_encoder.encode(TEXTS, prompt="so: ", normalize_embeddings=True)
  np.testing.assert_array_equal(by_folder(TEXTS), expected)
  np.save(tmp_path / "v.npy", expected[[0, 1, 3]])
  (tmp_path / "v.txt").write_text("a\nb\nc\n")
  stored = encode_functions.load_encode(str(tmp_path / "v.npy"))
  np.testing.assert_allclose(stored(TEXTS), expected, atol=1e-6)


@pytest.mark.heavy
def test_an_encoder_gives_unit_vectors_and_is_quiet_if_asked(tmp_path, with_head, capsys):
  from labse_jax import model_folder

  model_folder.write(tmp_path / "m", with_head("mean", 0, False))
  encoder = SentenceEncoder.load(tmp_path / "m")
  capsys.readouterr()
  long = "x " * 200
  vectors_ND = encode_function(encoder, warn=False, progress=True)([long, "b"])
  np.testing.assert_allclose(np.linalg.norm(vectors_ND, axis=1), 1, atol=1e-6)
  assert capsys.readouterr().err == ""  # Nor is a bar drawn where there is no terminal.
  encode_function(encoder)([long])
  assert "1 of 1 sentences are longer" in capsys.readouterr().err


def test_each_distinct_text_of_pairs_is_encoded_once():
  asked = []

  def encode(texts):
    asked.append(texts)
    return np.arange(2 * len(texts), dtype=np.float64).reshape(-1, 2)

  row_of, vectors_ND = encode_distinct([(["x", "y"], ["a", "b"]), (["z"], ["a"])], encode)
  assert asked == [["x", "y", "a", "b", "z"]]
  assert row_of == {"x": 0, "y": 1, "a": 2, "b": 3, "z": 4}
  assert vectors_ND.dtype == np.float32 and vectors_ND[row_of["z"]].tolist() == [8, 9]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_is_refused_with_its_text(bad):
  with pytest.raises(InputError, match="vector of 'y' is not finite"):
    encode_distinct([(["x", "y", "z"],)], lambda texts: [[1.0, 0], [0, bad], [bad, 0]])


def test_a_text_that_comes_again_is_encoded_once(tiny_encoder, monkeypatch):
  real = tiny_encoder.encode_counted
  seen = []

  def encode(part, **options):
    seen.append(part)
    return real(part, **options)

  monkeypatch.setattr(chunked_encoder, "CHUNK", 2)
  monkeypatch.setitem(vars(tiny_encoder), "encode_counted", encode)
  with tqdm(total=7, disable=None) as bar:
    got, *counts = encode_functions.encode_once(tiny_encoder, [*TEXTS, "x " * 200], "", bar)
  assert seen == [["a", "b"], ["c", "x " * 200]] and counts == [1, 4]
  np.testing.assert_allclose(got[:6], real(TEXTS)[0], atol=1e-3)


def test_the_bar_moves_by_all_texts_that_are_done(tiny_encoder):
  class Bar:
    moved = 0

    def update(self, count):
      self.moved += count

  bar = Bar()
  encode_functions.encode_once(tiny_encoder, TEXTS, "", bar)
  assert bar.moved == len(TEXTS)


def test_distinct_texts_are_numbered_as_they_come():
  number_N, first_U = number_distinct(TEXTS)
  assert number_N.tolist() == [0, 1, 0, 2, 1, 0] and first_U.tolist() == [0, 1, 3]
