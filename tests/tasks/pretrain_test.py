"""The pretraining task: against transformers' BertForMaskedLM, on any devices, and what it says."""

import json

import jax
import numpy as np
import pytest

from labse_jax import model_folder
from labse_jax import train as trainer
from labse_jax.base.errors import InputError
from labse_jax.base.sharding import batch_sharding, make_mesh
from labse_jax.data.batches.streams import to_devices
from labse_jax.data.sources import Pair
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.tasks.pretrain import Task
from tests.support import tiny
from tests.support.needs import need_torch


@pytest.fixture(scope="module")
def trained(folder):
  """A short run's workdir."""
  config = tiny.pretraining_config(folder, stages=((2, 60),))
  config.schedule.peak = 5e-3
  trainer.train(config, folder / "trained")
  return folder / "trained"


@pytest.fixture(scope="module")
def batch(folder):
  return next(iter(Task(tiny.pretraining_config(folder)).batches()))


def metrics(workdir):
  return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def params_of(workdir):
  return model_folder.read(workdir / "model", pretraining=True).params


def loss_and_gradients(config, params, batch, devices, fsdp=1):
  config.mesh.fsdp = fsdp
  mesh = make_mesh(fsdp, jax.devices()[:devices])
  with jax.set_mesh(mesh):
    loss = jax.jit(jax.value_and_grad(Task(config).loss_fn, has_aux=True))
    split = to_devices(batch, batch_sharding(mesh))
    return jax.device_get(loss(params, split, jax.random.key(0)))


@pytest.mark.heavy
def test_it_learns(trained):
  rows = metrics(trained)
  assert rows[-1]["loss"] < rows[0]["loss"] - 0.7
  for name in ("mlm_loss", "tlm_loss", "masked_accuracy", "predictions", "tokens_per_second"):
    assert all(np.isfinite(row[name]) for row in rows), name
  assert "sentences_per_second" not in rows[0] and "stage" not in rows[0]


@pytest.mark.heavy
def test_loss_equals_transformers_segment_by_segment(folder, trained, batch):
  """Packed rows, the head and the tied table against BertForMaskedLM on each segment alone."""
  need_torch()
  import torch
  from transformers import AutoModelForMaskedLM

  model = AutoModelForMaskedLM.from_pretrained(trained / "model").eval()
  losses, hits = [], []
  for row in range(len(batch["tokens"])):
    for segment in range(1, batch["segments"][row].max() + 1):
      inside = np.flatnonzero(batch["segments"][row] == segment)
      with torch.no_grad():
        logits = model(
          torch.tensor(batch["tokens"][row][inside])[None],
          position_ids=torch.tensor(batch["positions"][row][inside])[None],
        ).logits[0]
      used = batch["weights"][row]
      places, labels = batch["predicted"][row][used], batch["labels"][row][used]
      for place, label in zip(places, labels, strict=True):
        if place in inside:
          own, label = logits[np.flatnonzero(inside == place)[0]], int(label)
          losses.append(float(torch.nn.functional.cross_entropy(own[None], torch.tensor([label]))))
          hits.append(int(own.argmax()) == label)
  assert len(losses) == batch["weights"].sum() > 20
  (loss, metrics), _ = loss_and_gradients(
    tiny.pretraining_config(folder), params_of(trained), batch, 8
  )
  np.testing.assert_allclose(loss, np.mean(losses), rtol=1e-5)
  np.testing.assert_allclose(metrics["masked_accuracy"], np.mean(hits), atol=1e-6)


@pytest.mark.heavy
@pytest.mark.parametrize(("devices", "fsdp"), [(2, 1), (4, 2), (8, 1), (8, 8)])
def test_gradients_are_those_of_one_device(folder, trained, batch, devices, fsdp):
  config, params = tiny.pretraining_config(folder), params_of(trained)
  (one, _), wanted = loss_and_gradients(config, params, batch, 1)
  (many, _), got = loss_and_gradients(config, params, batch, devices, fsdp)
  np.testing.assert_allclose(many, one, rtol=1e-5)
  for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5 * max(np.abs(b).max(), 1e-3))


@pytest.mark.heavy
def test_the_two_sides_of_a_translation_see_each_other_and_sentences_do_not(folder, trained, batch):
  config, params = tiny.pretraining_config(folder), params_of(trained)
  task = Task(config)
  segments = batch["segments"]
  for tlm in (True, False):
    row = next(
      r
      for r in range(len(segments))
      if batch["tlm"][r] == tlm and (segments[r] == 1).sum() > 8 and segments[r].max() > (not tlm)
    )
    first = np.flatnonzero(segments[row] == 1)
    changed = batch["tokens"][row].copy()
    changed[first[1]] = changed[first[1]] % 150 + 20
    vectors = [
      np.asarray(
        task.module.bert.apply(
          {"params": params["bert"]},
          *(a[None] for a in (tokens, segments[row], batch["positions"][row])),
        )
      )[0]
      for tokens in (batch["tokens"][row], changed)
    ]
    moved = np.abs(vectors[0] - vectors[1]).max(-1) > 1e-6
    # A pair is one segment: its last token, the other side's end, feels the first side's word.
    assert moved[first].all()
    assert not moved[segments[row] != 1].any()


@pytest.mark.heavy
def test_batch_shapes_are_those_of_a_batch(folder, batch):
  shapes = Task(tiny.pretraining_config(folder)).batch_shapes()
  assert {k: (v.shape, v.dtype) for k, v in shapes.items()} == {
    k: (v.shape, v.dtype) for k, v in batch.items()
  }


@pytest.mark.heavy
def test_padding_rows_of_the_table_are_no_word_pieces(folder, trained, batch):
  params = params_of(trained)
  table_VD = params["bert"]["word_embedding"]
  assert table_VD.shape[0] == 256 and not table_VD[200:].any()
  config = tiny.pretraining_config(folder)
  (loss, _), gradients = loss_and_gradients(config, params, batch, 1)
  table_VD[200:] = 100
  (again, _), _ = loss_and_gradients(config, params, batch, 1)
  assert loss == again and not gradients["bert"]["word_embedding"][200:].any()


@pytest.mark.heavy
def test_the_model_encodes_and_starts_a_dual_encoder(folder, trained, capsys):
  vectors = SentenceEncoder.load(trained / "model").encode(["the file", "open"])
  assert vectors.shape == (2, 16) and np.isfinite(vectors).all()
  config = tiny.config(folder, total_steps=1, init=str(trained / "model"))
  config.schedule.peak = 0.0
  trainer.train(config, folder / "started")
  said = capsys.readouterr().out
  folder_of = trained / "model"
  assert f"reading the weights of {folder_of}.\n" in said
  assert f"weights taken from {folder_of}: the encoder" in said
  a, b = (params_of(workdir)["bert"] for workdir in (trained, folder / "started"))
  jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.heavy
def test_pretraining_goes_on_from_a_folder_with_its_head(folder, trained, capsys):
  config = tiny.pretraining_config(folder, init=str(trained / "model"), stages=((2, 1),))
  trainer.train(config, folder / "on")
  assert ": the encoder and the head of masked language modelling.\n" in capsys.readouterr().out
  before = [row["loss"] for row in metrics(trained)]
  # A batch has some thirty predictions: its loss is closer to the last ones than to the first.
  assert metrics(folder / "on")[0]["loss"] < (before[0] + np.mean(before[-20:])) / 2


def test_a_folder_that_does_not_fit_is_refused(folder, trained, tmp_path, tiny_vocabulary):
  config = tiny.config(folder, total_steps=1, init=str(trained / "model"))
  config.model.mlp_width = 48
  with pytest.raises(InputError, match=r"another model: mlp_width 32 instead of 48"):
    trainer.train(config, tmp_path / "a")
  config = tiny.config(folder, total_steps=1, init=str(trained / "model"))
  content = json.loads((folder / "vocabulary" / "tokenizer.json").read_text())
  content["model"]["vocab"][50][0] = "otherwise"
  (tmp_path / "tokenizer.json").write_text(json.dumps(content))
  config.tokenizer = str(tmp_path)
  with pytest.raises(InputError, match="another vocabulary"):
    trainer.train(config, tmp_path / "b")


@pytest.mark.parametrize(
  ("changes", "said"),
  [
    ({"rows_of": "documents"}, "rows_of = documents needs config.text"),
    ({"rows_of": "lines"}, r"Unknown rows_of 'lines'. Choose from \['documents'"),
    ({"head": {"pooling": "cls", "dense": 16}}, "head.dense = 16: pretraining trains no layer"),
    ({"length": 5}, "masking.slots = 6: a row has only 5 tokens"),
    ({"share_tlm": 1.5}, r"config.share_tlm = 1.5; it must be 0 to 1"),
    ({"text": "/nowhere"}, "/nowhere: not a dataset folder"),
    ({"stages": ((3, 1), (4, 1))}, "3 layers cannot be stacked to 4"),
  ],
)
def test_a_wrong_config_is_one_line(folder, tmp_path, changes, said):
  with pytest.raises(InputError, match=said):
    trainer.train(tiny.pretraining_config(folder, **changes), tmp_path / "run")
  assert not (tmp_path / "run").exists()


def test_a_vocabulary_without_mask_is_refused(folder, tmp_path):
  content = json.loads((folder / "vocabulary" / "tokenizer.json").read_text())
  content["added_tokens"] = [t for t in content["added_tokens"] if t["content"] != "[MASK]"]
  content["model"]["vocab"][4][0] = "no mask"
  (tmp_path / "tokenizer.json").write_text(json.dumps(content))
  with pytest.raises(InputError, match=r"tokenizer.json has no \[MASK\]"):
    trainer.train(tiny.pretraining_config(folder, tokenizer=str(tmp_path)), tmp_path / "run")


def test_text_and_pairs_in_each_others_place(folder, tmp_path):
  tiny.write_dataset(tmp_path / "text", [Pair("eng", "", "test", "the old file\nis open", "")])
  with pytest.raises(InputError, match="text: has no translations; set share_tlm = 0"):
    Task(tiny.pretraining_config(folder, data=str(tmp_path / "text"))).batches()
  with pytest.raises(InputError, match="data: holds pairs; config.text is for documents"):
    Task(tiny.pretraining_config(folder, text=str(folder / "data"))).batches()
  config = tiny.pretraining_config(
    folder, text=str(tmp_path / "text"), rows_of="documents", share_tlm=0.0
  )
  with pytest.raises(InputError, match="tokens, less than one row of 32"):
    Task(config).batches()
