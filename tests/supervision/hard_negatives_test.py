"""Mined negatives: found again, refused where they are others', and mined again within a run."""

import json
import shutil
import zlib

import jax
import numpy as np
import pytest

from labse_jax import train as trainer
from labse_jax.base import fingerprint
from labse_jax.base.errors import InputError
from labse_jax.base.sharding import make_mesh
from labse_jax.data.dataset import open_dataset
from labse_jax.encoding.encode_functions import encode_function
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.supervision import hard_negatives, manifest
from labse_jax.supervision.hard_negatives import look_up
from labse_jax.supervision.negative_rule import Rule
from labse_jax.tasks import dual_encoder
from labse_jax.training.metrics import StepLog
from tests.support import tiny

STEPS = 10
EVERY = 4
PAIRS = 150
# A fresh model knows no translations: with a margin, hardly a text would be left.
RULE = Rule(5, margin=-2.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  folder = tmp_path_factory.mktemp("tiny")
  tiny.make(folder, PAIRS)
  return folder


@pytest.fixture(scope="module")
def data(folder):
  return open_dataset(folder / "data")


@pytest.fixture(scope="module")
def mined(data, tiny_folder):
  """The folder of what `look_up` mines: five for each pair where fewer are asked for."""
  look_up(data, model=tiny_folder, k=1, margin=RULE.margin)
  return hard_negatives.place(data, tiny_folder, RULE).folder


@pytest.fixture
def copy(data, mined, tmp_path):
  """A copy of the dataset and what was mined of it, to be spoilt."""
  shutil.copytree(data.folder, tmp_path / "copy")
  return open_dataset(tmp_path / "copy"), tmp_path / "copy" / mined.relative_to(data.folder)


@pytest.mark.heavy
def test_texts_are_the_nearest_of_the_language(data, mined, tiny_folder):
  encode = encode_function(SentenceEncoder.load(tiny_folder))  # Unit vectors.
  nearest_NK, _ = hard_negatives.mine(data, encode, RULE)
  mined_NK = np.load(mined / "negatives.npy")
  of_pairs = look_up(data, model=tiny_folder, k=5, margin=-2.0)
  texts = of_pairs(np.arange(PAIRS))
  examples = data.source.__getitems__(range(PAIRS))
  for row, records in zip(texts, mined_NK, strict=True):
    assert row == [examples[n]["target"] if n >= 0 else "" for n in records]
  # A fresh model's similarities lie so near each other that rounding may change their order.
  assert ((mined_NK < 0) == (nearest_NK < 0)).all()
  x_ND = encode([example["source"] for example in examples])
  y_ND = encode([example["target"] for example in examples])
  similarity_NN = x_ND @ y_ND.T
  np.testing.assert_allclose(
    np.take_along_axis(similarity_NN, mined_NK, 1),
    np.take_along_axis(similarity_NN, nearest_NK, 1),
    atol=1e-6,
  )
  assert {len(set(row) - {""}) for row in texts} == {4, 5}  # Of five Swahili texts one is its own.
  assert of_pairs(np.array([7, 7, 2])) == [texts[7], texts[7], texts[2]]
  manifest = json.loads((mined / "manifest.json").read_text())
  assert (manifest["k"], manifest["margin"], manifest["candidates"]) == (5, -2.0, 50)
  assert manifest["missing"] == sum(text == "" for row in texts for text in row)


@pytest.mark.heavy
def test_what_is_mined_is_not_mined_again(data, mined, tiny_folder, monkeypatch):
  monkeypatch.setattr(hard_negatives, "mine", None)
  five, two = (look_up(data, model=tiny_folder, k=k, margin=-2.0) for k in (5, 2))
  assert two(np.arange(PAIRS)) == [row[:2] for row in five(np.arange(PAIRS))]
  with pytest.raises(TypeError):  # Another margin is another folder.
    look_up(data, model=tiny_folder, k=5, margin=0.1)


def test_more_than_were_mined_is_refused(data, mined, tiny_folder):
  with pytest.raises(InputError, match="5 hard negatives were mined .* k = 6 is asked.* --k 6"):
    look_up(data, model=tiny_folder, k=6, margin=-2.0)


@pytest.mark.parametrize("name", ["model", "prompt", "margin", "candidates", "data", "pairs"])
def test_what_was_mined_otherwise_is_refused(copy, tiny_folder, name):
  dataset, folder = copy
  path = folder / "manifest.json"
  path.write_text(json.dumps(json.loads(path.read_text()) | {name: "other"}))
  with pytest.raises(InputError, match=f"{manifest.DIFFERENCES[name]} .*'other'.*remove it, or"):
    look_up(dataset, model=tiny_folder, k=5, margin=-2.0)


@pytest.mark.heavy
def test_mining_again_reads_the_dataset_once(data, tiny_folder, tmp_path, monkeypatch):
  read = []
  of_dataset = fingerprint.dataset
  monkeypatch.setattr(fingerprint, "dataset", lambda path: read.append(path) or of_dataset(path))
  dataset = open_dataset(data.folder)
  hard_negatives.mine_in_run(dataset, SentenceEncoder.load(tiny_folder), RULE, tmp_path, 3)
  assert hard_negatives.look_up_in_run(dataset, RULE, tmp_path, 3) is not None
  assert read == [data.folder]


def test_another_text_is_seen(copy, tiny_folder, tmp_path):
  tiny.write_dataset(tmp_path / "other", tiny.pairs(PAIRS, seed=1))
  shutil.copytree(copy[0].folder / "hard_negatives", tmp_path / "other" / "hard_negatives")
  with pytest.raises(InputError, match="was made from another text"):
    look_up(open_dataset(tmp_path / "other"), model=tiny_folder, margin=-2.0, k=5)


def test_a_damaged_file_is_said(copy, tiny_folder):
  path = copy[1] / "negatives.npy"
  flipped = bytearray(path.read_bytes())
  flipped[-4] ^= 1
  path.write_bytes(flipped)
  with pytest.raises(InputError, match=r"is damaged \(negatives.npy does not hold"):
    look_up(copy[0], model=tiny_folder, margin=-2.0, k=5)
  (copy[1] / "digests.json").unlink()  # As an earlier version wrote it.
  look_up(copy[0], model=tiny_folder, margin=-2.0, k=5)
  path.write_bytes(b"\x93NUMPY")
  with pytest.raises(InputError, match="is damaged"):
    look_up(copy[0], model=tiny_folder, margin=-2.0, k=5)


@pytest.mark.parametrize(
  "section,words",
  [
    (None, "needs hard negatives: config.hard_negatives = "),
    (dict(model="m", k=2, margn=0.1), "did you mean 'margin'"),
    (dict(model="m"), r"lacks \['k'\]"),
    (dict(model="m", k=2, every=-1), "every = -1"),
    (dict(model="m", k=9, candidates=5), "k = 9, candidates = 5"),
    (dict(model="m", k="5"), "config.hard_negatives.k = '5': a whole number is needed"),
    (dict(model="m", k=2, every="5"), "config.hard_negatives.every = '5': a whole number"),
    (dict(model="m", k=2, candidates=5.5), "hard_negatives.candidates = 5.5: a whole number"),
    (dict(model="m", k=2, margin="0.1"), "config.hard_negatives.margin = '0.1': a number"),
    (dict(model=5, k=2), "config.hard_negatives.model = 5: a folder"),
    (dict(model="m", k=2, prompt=5), "config.hard_negatives.prompt = 5: a text or None"),
  ],
)
def test_a_wrong_section_of_a_config_is_said(folder, section, words):
  config = config_of(folder, "m")
  with config.unlocked():
    config.hard_negatives = section
  with pytest.raises(InputError, match=words):
    dual_encoder.Task(config)


def config_of(folder, model, **section):
  config = tiny.config(folder, total_steps=STEPS, save_every=2, loss="hard_negative_ranking")
  with config.unlocked():
    config.hard_negatives = dict(model=str(model), k=2, margin=-2.0, **section)
  return config


def negatives_in(batch):
  """{(hash of source, hash of target): the negatives' hashes, 0 where there is none}"""
  mask = batch["mask"]
  hashes = np.where(batch["negative_mask"], batch["negative_ids"], 0)[mask].tolist()
  return {tuple(ids): row for ids, row in zip(batch["ids"][mask].tolist(), hashes, strict=True)}


def hashes_of(dataset, negatives):
  """The same of a whole dataset."""

  def crc(text):
    return zlib.crc32(text.encode()) if text else 0

  pairs = [
    (crc(x["source"]), crc(x["target"])) for x in map(dataset.source.__getitem__, range(PAIRS))
  ]
  return dict(zip(pairs, [[*map(crc, row)] for row in negatives(np.arange(PAIRS))], strict=True))


@pytest.mark.heavy
def test_the_batch_after_mining_has_the_new_negatives(folder, mined, tiny_folder, tmp_path):
  task = dual_encoder.Task(config_of(folder, tiny_folder, every=EVERY))
  dataset, params = open_dataset(folder / "data"), task.init(jax.random.key(0))
  data = iter(task.batches())
  assert {name: array.shape for name, array in next(data).items()} == {
    name: shape.shape for name, shape in task.batch_shapes().items()
  }
  expected = hashes_of(dataset, look_up(dataset, **task.hard))
  assert negatives_in(next(data)).items() <= expected.items()
  assert task.refreshed(data, 3, tmp_path) is data  # Nothing is mined yet.
  with jax.set_mesh(make_mesh()):
    data = task.refreshed(data, EVERY, tmp_path, params)
  rule, run = Rule(2, margin=-2.0), tmp_path / "hard_negatives"
  by_params = hard_negatives.look_up_in_run(dataset, rule, run, 5)
  batches = [next(data) for _ in range(3)]
  for batch in batches:
    assert negatives_in(batch).items() <= hashes_of(dataset, by_params).items()
  assert hashes_of(dataset, by_params) != expected
  with pytest.raises(InputError, match="was made with another margin"):
    hard_negatives.look_up_in_run(dataset, Rule(2, margin=0.5), run, EVERY)


def rows_of(workdir):
  rows = map(json.loads, (workdir / "metrics.jsonl").read_text().splitlines())
  return [(row["step"], row["loss"], row["grad_norm"], row["hard_negatives"]) for row in rows]


@pytest.fixture(scope="module")
def straight(folder, mined, tiny_folder, tmp_path_factory):
  """A run that mines again at steps 4 and 8."""
  workdir = tmp_path_factory.mktemp("straight")
  trainer.train(config_of(folder, tiny_folder, every=EVERY), workdir)
  return workdir


@pytest.mark.heavy
def test_mining_again_changes_what_follows(folder, tiny_folder, straight, tmp_path):
  trainer.train(config_of(folder, tiny_folder), tmp_path)
  assert rows_of(tmp_path)[:EVERY] == rows_of(straight)[:EVERY]
  assert rows_of(tmp_path)[EVERY] != rows_of(straight)[EVERY]
  assert not (tmp_path / "hard_negatives").exists()
  mined = [np.load(straight / "hard_negatives" / step / "negatives.npy") for step in ("4", "8")]
  assert (mined[0] != mined[1]).any()


@pytest.mark.heavy
@pytest.mark.parametrize(
  "where,at",
  [
    pytest.param("report", 6, id="after it"),
    pytest.param("mine_in_run", 8, id="at it, with nothing mined yet", marks=pytest.mark.slow),
    pytest.param("report", 2, id="before it", marks=pytest.mark.slow),
  ],
)
def test_stopped_and_resumed_is_bit_identical(
  folder, tiny_folder, straight, tmp_path, monkeypatch, where, at
):
  owner = StepLog if where == "report" else hard_negatives
  wrapped = getattr(owner, where)

  def stop(*args):
    if at in args:
      raise KeyboardInterrupt
    return wrapped(*args)

  with monkeypatch.context() as stopping, pytest.raises(KeyboardInterrupt):
    stopping.setattr(owner, where, stop)
    trainer.train(config_of(folder, tiny_folder, every=EVERY), tmp_path)
  trainer.train(config_of(folder, tiny_folder, every=EVERY), tmp_path)
  assert rows_of(tmp_path) == rows_of(straight)
  ours, theirs = ((w / "model" / "model.safetensors").read_bytes() for w in (tmp_path, straight))
  assert ours == theirs
