"""Stored vectors: those of the encoder, once each, whole or not there, of nothing else."""

import json
import shutil

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.base.writing.lock import locked
from labse_jax.data.dataset import open_dataset
from labse_jax.data.sources import Pair
from labse_jax.encoding import encode_functions
from labse_jax.supervision import vector_store
from tests.support.tiny import write_dataset

PAIRS = [Pair("eng", "deu", "", f"the page {i % 7}", f"die Seite {i}") for i in range(20)]


@pytest.fixture
def data(tmp_path):
  write_dataset(tmp_path / "d", PAIRS)
  return open_dataset(tmp_path / "d")


@pytest.fixture
def small(monkeypatch):
  monkeypatch.setattr(vector_store, "SHARD", 8)


def test_they_are_those_of_the_encoder(data, small, tiny_folder, tiny_encoder):
  store = vector_store.Store(data, tiny_folder)
  assert store.missing() == [0, 1, 2] and len(store) == 20
  store.compute()
  assert store.missing() == [] and len(list(store.folder.glob("*.npy"))) == 3
  order = np.random.default_rng(0).permutation(20)
  got = vector_store.Store(open_dataset(data.folder), tiny_folder)[order]
  texts = [text for i in order for text in (PAIRS[i].source, PAIRS[i].target)]
  expected = tiny_encoder.encode(texts, normalize_embeddings=True).reshape(20, 2, -1)
  assert got.dtype == np.float16 and np.abs(expected[:-1] - expected[1:]).max() > 0.01
  np.testing.assert_allclose(got, expected, rtol=2**-11, atol=1e-6)


def test_two_processes_do_not_fill_one_store(data, tiny_folder):
  store = vector_store.Store(data, tiny_folder)
  with locked(store.folder / ".lock", store.folder):
    with pytest.raises(InputError, match="another process is writing"):
      store.compute()
  # The other one began in bfloat16 and was killed.
  other = vector_store.Store(data, tiny_folder)
  other.compute(precision="bfloat16")
  (other.folder / "00000.npy").rename(other.folder / "00001.npy")
  with pytest.raises(InputError, match="was begun in bfloat16"):
    store.compute(precision="float32")


def test_what_was_cut_is_told_out_of_what_was_encoded(tmp_path, tiny_folder, capsys):
  write_dataset(tmp_path / "d", [Pair("eng", "deu", "", "x " * 200, f"die {i}") for i in range(5)])
  vector_store.Store(open_dataset(tmp_path / "d"), tiny_folder).compute()
  assert "1 of 6 sentences are longer" in capsys.readouterr().err


def test_a_killed_run_goes_on_and_whole_shards_stay(data, small, tiny_folder, monkeypatch):
  store, made = vector_store.Store(data, tiny_folder), []
  real = encode_functions.encode_once

  def killed(encoder, texts, *rest):
    made.append(texts[0])
    if len(made) == 2:
      raise KeyboardInterrupt
    return real(encoder, texts, *rest)

  monkeypatch.setattr(vector_store, "encode_once", killed)
  with pytest.raises(KeyboardInterrupt):
    store.compute()
  again = vector_store.Store(data, tiny_folder)
  assert again.missing() == [1, 2]
  again.compute()
  assert made == [PAIRS[i].source for i in (0, 8, 8, 16)] and not again.missing()
  torn = again.folder / "00001.npy"
  torn.write_bytes(torn.read_bytes()[:-10])
  assert vector_store.Store(data, tiny_folder).missing() == [1]


def test_the_prompt_is_the_models_own_unless_given(data, tiny_folder, tiny_encoder):
  plain, other = (vector_store.Store(data, tiny_folder, prompt=p) for p in (None, "query: "))
  assert plain.folder == vector_store.Store(data, tiny_folder, prompt="").folder != other.folder
  other.compute()
  expected = tiny_encoder.encode(PAIRS[3].target, prompt="query: ", normalize_embeddings=True)
  np.testing.assert_allclose(other[[3]][0, 1], expected, rtol=2**-11, atol=1e-6)


def test_vectors_of_something_else_are_refused(data, tmp_path, tiny_folder):
  store = vector_store.Store(data, tiny_folder)
  store.compute()
  other = vector_store.Store(data, tiny_folder, prompt="query: ").folder
  shutil.copytree(store.folder, other)
  with pytest.raises(InputError, match="with another prompt .prompt is '' .*'query: ' is asked"):
    vector_store.Store(data, tiny_folder, prompt="query: ")
  teacher = tmp_path / "teacher"
  shutil.copytree(tiny_folder, teacher)
  (teacher / "sentence_bert_config.json").write_text('{"max_seq_length": 9}')
  shutil.copytree(store.folder, vector_store.Store(data, teacher).folder)
  with pytest.raises(InputError, match="by another model"):
    vector_store.Store(data, teacher)
  write_dataset(tmp_path / "e", [*PAIRS[:-1], PAIRS[-1]._replace(target="die Seite!")])
  changed = open_dataset(tmp_path / "e")
  shutil.copytree(data.folder / "vectors", tmp_path / "e" / "vectors")
  with pytest.raises(InputError, match="from another text"):
    vector_store.Store(changed, tiny_folder)
  (store.folder / "manifest.json").unlink()
  with pytest.raises(InputError, match=r"manifest.json: cannot be read"):
    vector_store.Store(data, tiny_folder)


def test_precision_stays_what_was_begun_with(data, tiny_folder):
  vector_store.Store(data, tiny_folder).compute(precision="bfloat16")
  store = vector_store.Store(data, tiny_folder)
  assert json.loads((store.folder / "manifest.json").read_text())["precision"] == "bfloat16"
  store.compute()
  with pytest.raises(InputError, match="was begun in bfloat16, float32 is asked for"):
    store.compute(precision="float32")


def test_a_dataset_that_is_prepared_again_keeps_no_vectors(data, tiny_folder):
  vector_store.Store(data, tiny_folder).compute()
  write_dataset(data.folder, PAIRS[:5])
  assert vector_store.Store(open_dataset(data.folder), tiny_folder).missing() == [0]


def test_text_of_one_language_is_refused(tmp_path, tiny_folder):
  write_dataset(tmp_path / "t", [Pair("eng", "", "wiki", "one\ntwo", "")])
  with pytest.raises(InputError, match="has no translations"):
    vector_store.Store(open_dataset(tmp_path / "t"), tiny_folder)


def test_a_projection_keeps_products_as_well_as_any_can(data, tiny_folder):
  store = vector_store.Store(data, tiny_folder)
  store.compute()
  axes = store.projection(5)
  x = store[np.arange(20)].reshape(40, -1).astype(np.float64)
  s, u = x @ x.T, np.linalg.svd(x, full_matrices=False)
  best = (u[0][:, :5] * u[1][:5] ** 2) @ u[0][:, :5].T  # Eckart and Young.
  y = x @ axes
  np.testing.assert_allclose(axes.T @ axes, np.eye(5), atol=1e-6)
  assert np.abs(y @ y.T - s).sum() < 0.5 * np.abs(s).sum()
  np.testing.assert_allclose(y @ y.T, best, atol=1e-5)
  before = (store.folder / "projection_5.npy").stat().st_mtime_ns
  np.testing.assert_array_equal(vector_store.Store(data, tiny_folder).projection(5), axes)
  assert (store.folder / "projection_5.npy").stat().st_mtime_ns == before
  assert store.projection(32).shape == (32, 32)


def test_a_stored_vector_that_is_not_finite_is_refused(data, small, tiny_folder):
  store = vector_store.Store(data, tiny_folder)
  store.compute()
  path = store.folder / "00001.npy"
  vectors_N2P = np.load(path)
  vectors_N2P[3, 1, 2] = np.nan
  np.save(path, vectors_N2P)
  store = vector_store.Store(open_dataset(data.folder), tiny_folder)
  assert np.isfinite(store[[0, 8, 10, 12]]).all()
  with pytest.raises(InputError, match="has a vector that is not finite; remove the folder"):
    store[[0, 11]]
