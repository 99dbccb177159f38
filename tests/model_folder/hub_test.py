"""Names on the hub, with a cache laid out by hand and no network."""

import importlib
import pathlib
import shutil
import sys

import numpy as np
import pytest

from labse_jax import model_folder
from labse_jax.base import fingerprint
from labse_jax.base.errors import InputError
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.model_folder.hub import located

NAME = "some-one/tiny_model"


@pytest.fixture
def cache(tmp_path, monkeypatch):
  """cache(folder) puts a folder into the hub's cache as the model NAME; there is no network."""
  hub = pytest.importorskip("huggingface_hub", reason="needs labse_jax[hub]")
  constants = importlib.import_module("huggingface_hub.constants")
  monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
  real = hub.snapshot_download

  def download(name, **options):
    return real(name, cache_dir=tmp_path / "hub", **options)

  monkeypatch.setattr(hub, "snapshot_download", download)

  def fill(folder):
    place = tmp_path / "hub" / "models--some-one--tiny_model"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("a" * 40)
    return shutil.copytree(folder, place / "snapshots" / ("a" * 40))

  return fill


def test_a_name_opens_what_the_cache_holds(cache, tiny_folder, tiny_encoder):
  snapshot = cache(tiny_folder)
  assert located(NAME) == located(pathlib.Path(NAME)) == snapshot
  np.testing.assert_array_equal(SentenceEncoder(NAME).encode("a"), tiny_encoder.encode("a"))
  assert model_folder.fingerprint_of(NAME) == fingerprint.model(tiny_folder)
  assert model_folder.describe(NAME).max_length == model_folder.read(NAME).max_length == 64


def test_a_folder_on_disk_wins(cache, tiny_folder, tmp_path, monkeypatch):
  cache(tiny_folder)
  monkeypatch.chdir(tmp_path)
  shutil.copytree(tiny_folder, tmp_path / NAME)
  assert str(located(NAME)) == NAME


def test_a_snapshot_without_weights_is_not_taken(cache, tiny_folder):
  (cache(tiny_folder) / "model.safetensors").unlink()
  with pytest.raises(InputError, match="no safetensors of it could be fetched.*run `hf download"):
    located(NAME)


@pytest.mark.parametrize("gone", ["modules.json", "2_Dense/model.safetensors"])
def test_what_other_tools_left_out_is_fetched(cache, tiny_folder, monkeypatch, gone):
  import huggingface_hub

  snapshot = cache(tiny_folder)
  (snapshot / gone).unlink()
  real = huggingface_hub.snapshot_download

  def download(name, *, local_files_only=False, **options):
    if not local_files_only:
      shutil.copy(tiny_folder / gone, snapshot / gone)
    return real(name, local_files_only=local_files_only, **options)

  monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
  assert located(NAME) == snapshot and (snapshot / gone).exists()


def test_a_snapshot_of_transformers_alone_is_taken_without_a_network(cache, tiny_folder):
  snapshot = cache(tiny_folder)
  (snapshot / "modules.json").unlink()
  assert located(NAME) == snapshot


def test_what_is_not_in_the_cache_says_how_to_download_it(cache):
  with pytest.raises(InputError, match="no such folder") as caught:
    SentenceEncoder(NAME)
  assert str(caught.value) == (
    f"{NAME}: no such folder, and the Hugging Face hub cannot be reached from here. Where there is "
    f"a network, run `hf download {NAME} --local-dir FOLDER`; then give FOLDER."
  )


def test_only_what_is_read_is_fetched(monkeypatch, tiny_folder):
  hub = pytest.importorskip("huggingface_hub", reason="needs labse_jax[hub]")
  asked = []

  def download(name, *, local_files_only=False, **options):
    asked.append((name, local_files_only, options))
    if local_files_only:
      raise FileNotFoundError
    return str(tiny_folder)

  monkeypatch.setattr(hub, "snapshot_download", download)
  assert located(NAME) == tiny_folder
  assert [given[:2] for given in asked] == [(NAME, True), (NAME, False)]
  patterns = asked[1][2]["allow_patterns"]
  assert "*.safetensors" in patterns and not any("bin" in pattern for pattern in patterns)


@pytest.mark.parametrize(
  ("error", "said"),
  [
    ("GatedRepoError", "log in: `hf auth"),
    ("RepositoryNotFoundError", "none of this name.$"),
  ],
)
def test_what_the_hub_answers_is_said(monkeypatch, error, said):
  hub = pytest.importorskip("huggingface_hub", reason="needs labse_jax[hub]")
  kind = getattr(importlib.import_module("huggingface_hub.errors"), error)

  def download(*_, local_files_only=False, **__):
    raise FileNotFoundError if local_files_only else kind.__new__(kind)

  monkeypatch.setattr(hub, "snapshot_download", download)
  with pytest.raises(InputError, match=said):
    located(NAME)


def test_without_the_package_one_line_says_what_is_needed(monkeypatch):
  monkeypatch.setitem(sys.modules, "huggingface_hub", None)
  with pytest.raises(InputError, match=r"no such folder.*pip install 'labse_jax\[hub\]'") as caught:
    model_folder.describe(NAME)
  assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["./nothing", "/no/such", "runs/wrong", "a/b/c", "../x/y"])
def test_a_path_that_is_missing_says_what_it_said(tmp_path, monkeypatch, path):
  monkeypatch.setitem(sys.modules, "huggingface_hub", None)
  monkeypatch.chdir(tmp_path)
  (tmp_path / "runs").mkdir()
  with pytest.raises(InputError) as caught:
    model_folder.describe(path)
  said = str(caught.value)
  assert said.endswith(": no such folder; a model folder is needed.")


@pytest.mark.parametrize("name", ["LaBSE", "all-MiniLM-L6-v2"])
def test_a_short_name_of_the_hub_is_told_its_whole_one(tmp_path, monkeypatch, name):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(InputError) as caught:
    SentenceEncoder(name)
  assert str(caught.value) == (
    f"{name}: no such folder; a model folder is needed. If you mean the model of the Hugging Face "
    "hub, its name has an organisation, such as sentence-transformers/LaBSE."
  )


def test_a_file_is_no_folder(tiny_folder):
  path = tiny_folder / "config.json"
  with pytest.raises(InputError, match=f"{path}: is a file; a model folder is needed"):
    SentenceEncoder(path)


@pytest.mark.parametrize("name", ["", None, 3, b"tiny"])
def test_what_names_no_folder_is_refused(tiny_folder, tiny_encoder, monkeypatch, name):
  monkeypatch.chdir(tiny_folder)  # An empty name would be this folder.
  for call in (SentenceEncoder, model_folder.describe, tiny_encoder.save):
    with pytest.raises(InputError, match="names no folder; give a path") as caught:
      call(name)
    assert repr(name) in str(caught.value)


def test_the_home_folder_is_expanded(tiny_folder, monkeypatch):
  monkeypatch.setenv("HOME", str(tiny_folder.parent))
  assert located("~/tiny") == tiny_folder
  assert model_folder.describe("~/tiny").max_length == 64
  with pytest.raises(InputError, match="^~nobody-of-this-name/x: no such folder"):
    located("~nobody-of-this-name/x")
