"""The whole dual encoder against float64 NumPy, however it is split, chunked or packed."""

import jax
import numpy as np
import pytest
from scipy.special import erf

from labse_jax.base.errors import InputError
from labse_jax.base.sharding import make_mesh
from labse_jax.data.batches import streams
from labse_jax.data.batches.packing import pack
from labse_jax.data.dataset import open_dataset
from labse_jax.data.sources import Pair
from labse_jax.tasks import dual_encoder
from tests.support import tiny

ROWS, SLOTS, LENGTH = 16, 4, 32


@pytest.fixture(scope="module")
def batch(folder):
  """Real rows, one of them empty, with the same source and the same target on other devices."""
  task = make_task(folder)
  batch = {name: array.copy() for name, array in next(iter(task.batches())).items()}
  batch["ids"][9, 0, 0] = batch["ids"][2, 1, 0]
  batch["ids"][15, 1, 1] = batch["ids"][0, 0, 1]
  batch["ids"][7, 0] = batch["ids"][8, 0]
  batch["ids"][11, 0] = batch["ids"][3, 0, ::-1]  # A pair the other way round.
  for name in ("tokens", "segments", "positions", "mask", "ids"):
    batch[name][5] = 0
  return batch


@pytest.fixture(scope="module")
def params(folder):
  params = make_task(folder).init(jax.random.key(0))
  # Larger than at the start, so that no gradient drowns in rounding.
  return jax.tree.map(lambda p: p * 4 if p.ndim > 1 else p, params)


def make_task(folder, **changes):
  return dual_encoder.Task(
    tiny.config(folder, batch_rows=ROWS, slots=SLOTS, length=LENGTH, **changes)
  )


def loss_and_gradient(task, params, batch, devices=8, fsdp=1):
  mesh = make_mesh(fsdp, jax.devices()[:devices])
  with jax.set_mesh(mesh):
    batch = streams.to_devices(batch, jax.NamedSharding(mesh, jax.P(("data", "fsdp"))))
    f = jax.jit(jax.value_and_grad(task.loss_fn, has_aux=True))
    (loss, metrics), grads = f(params, batch, jax.random.key(1))
    return float(loss), jax.device_get(grads), jax.device_get(metrics)


@pytest.fixture(scope="module")
def expected(folder, params, batch):
  return loss_and_gradient(make_task(folder), params, batch, devices=1)


def assert_same(got, expected):
  np.testing.assert_allclose(got[0], expected[0], rtol=1e-5)
  scale = max(np.abs(g).max() for g in jax.tree.leaves(expected[1]))
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * scale), got[1], expected[1]
  )


@pytest.mark.heavy
@pytest.mark.parametrize("devices,fsdp", [(2, 1), (2, 2), (4, 1), (4, 2), (8, 1), (8, 2)])
def test_devices_change_nothing(folder, params, batch, expected, devices, fsdp):
  assert_same(loss_and_gradient(make_task(folder), params, batch, devices, fsdp), expected)


@pytest.mark.heavy
@pytest.mark.parametrize(
  "changes", [dict(remat=True), dict(chunks=2), dict(chunks=2, remat=True)], ids=str
)
@pytest.mark.parametrize("devices,fsdp", [(1, 1), (8, 2)])
def test_remat_and_chunks_change_nothing(folder, params, batch, expected, changes, devices, fsdp):
  task = make_task(folder, **changes)
  assert_same(loss_and_gradient(task, params, batch, devices, fsdp), expected)


def unpacked(batch):
  """Every pair of a batch as ([source ids, target ids], [source hash, target hash])."""
  for row, slot in np.argwhere(batch["mask"]):
    sides = [batch["tokens"][row, i][batch["segments"][row, i] == slot + 1] for i in (0, 1)]
    yield sides[::-1] if batch["turned"][row, slot] else sides, batch["ids"][row, slot]


@pytest.mark.heavy
def test_padded_rows_give_the_same(folder, params, batch, expected):
  items, ids = zip(*unpacked(batch), strict=True)
  padded, row_N, _ = pack(items, LENGTH, 1)
  extra = -len(items) % 8
  padded["ids"] = np.zeros((len(items), 1, 2), np.uint32)
  padded["ids"][row_N, 0] = ids
  padded = {k: np.pad(v, [(0, extra)] + [(0, 0)] * (v.ndim - 1)) for k, v in padded.items()}
  assert_same(loss_and_gradient(make_task(folder), params, padded), expected)


def test_equals_float64(folder, params, batch, expected):
  """The loss, and the gradient along random directions by central differences of the oracle."""
  config = tiny.config(folder)
  wide = jax.tree.map(lambda p: np.asarray(p, np.float64), params)

  def oracle(p):
    return oracle_loss(p, list(unpacked(batch)), config)

  np.testing.assert_allclose(expected[0], oracle(wide), rtol=1e-5)
  rng = np.random.default_rng(0)
  for _ in range(3):
    # Along the gradient's signs, so that the sum does not cancel.
    toward = jax.tree.map(lambda g: np.sign(g) * rng.uniform(0.5, 1, g.shape), expected[1])
    ahead, behind = (jax.tree.map(lambda p, d, h=h: p + h * d, wide, toward) for h in (1e-6, -1e-6))
    slope = (oracle(ahead) - oracle(behind)) / 2e-6
    got = sum(
      (g.astype(np.float64) * d).sum()
      for g, d in zip(jax.tree.leaves(expected[1]), jax.tree.leaves(toward), strict=True)
    )
    np.testing.assert_allclose(got, slope, rtol=1e-5)


def oracle_loss(params, pairs, config):
  """Translation ranking with additive margin, sentence by sentence."""
  scale, margin = config.loss_options.scale, config.loss_options.margin
  x, y = (np.stack([oracle_vector(params["bert"], p[0][i], config) for p in pairs]) for i in (0, 1))
  ids = np.array([p[1] for p in pairs])
  total = 0.0
  for queries, keys in ((x, y), (y, x)):
    for i, query in enumerate(queries):
      others = [j for j in range(len(keys)) if j != i and not set(ids[i]) & set(ids[j])]
      positive = scale * (query @ keys[i] - margin)
      total += np.log(np.exp(positive) + np.exp(scale * keys[others] @ query).sum()) - positive
  return total / len(x)


def oracle_vector(p, tokens, config):
  """BERT with mean pooling for one sentence, in the type of `p`."""

  def norm(x, q):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12) * q[
      "scale"
    ] + q["bias"]

  x = p["word_embedding"][tokens] + p["position_embedding"][: len(tokens)] + p["type_embedding"][0]
  x = norm(x, p["embedding_norm"])
  for n in range(config.model.depth):
    b = jax.tree.map(lambda w, n=n: w[n], p["blocks"])
    qkv = np.einsum("ld,dchk->clhk", x, b["query_key_value"]["kernel"])
    q, k, v = qkv + b["query_key_value"]["bias"][:, None]
    s = np.einsum("lhk,mhk->hlm", q, k) / np.sqrt(q.shape[-1])
    s = np.exp(s - s.max(-1, keepdims=True))
    a = np.einsum("hlm,mhk->lhk", s / s.sum(-1, keepdims=True), v).reshape(x.shape)
    x = norm(x + a @ b["attention_out"]["kernel"] + b["attention_out"]["bias"], b["attention_norm"])
    h = x @ b["up"]["kernel"] + b["up"]["bias"]
    h = 0.5 * h * (1 + erf(h / np.sqrt(2)))
    x = norm(x + h @ b["down"]["kernel"] + b["down"]["bias"], b["mlp_norm"])
  z = x.mean(0)
  return z / np.linalg.norm(z)


@pytest.mark.heavy
def test_a_head_that_does_not_normalise_is_trained_by_cosines(folder, params, batch, expected):
  task = make_task(folder)
  task.module = task.module.clone(normalize=False)
  assert_same(loss_and_gradient(task, params, batch), expected)


@pytest.mark.slow
def test_learned_options_begin_as_the_config_has_them(folder, params, batch):
  """A scale as its logarithm, whose gradient is scale dL/dscale; a bias as it is, of any sign."""
  options, learned = dict(scale=10.0, bias=2.0), ("scale", "bias")

  def loss_of(**changed):
    return loss_and_gradient(
      make_task(folder, loss="sigmoid", loss_options=options | changed), params, batch
    )

  task = make_task(folder, loss="sigmoid", loss_options=options, learned=learned)
  start = task.init(jax.random.key(0))[dual_encoder.LEARNED]
  loss, grads, metrics = loss_and_gradient(task, params | {dual_encoder.LEARNED: start}, batch)
  np.testing.assert_allclose([metrics["scale"], start["bias"]], [10, 2], rtol=1e-6)
  np.testing.assert_allclose(loss, loss_of()[0], rtol=1e-6)
  for name, of_option, h in (("scale", 10.0, 0.1), ("bias", 1.0, 0.1)):
    ahead, behind = (loss_of(**{name: options[name] + d})[0] for d in (h, -h))
    got = grads[dual_encoder.LEARNED][name]
    np.testing.assert_allclose(got, of_option * (ahead - behind) / (2 * h), rtol=5e-3)


def test_the_state_has_one_type_from_the_first_step_on(folder):
  """A weak type, as of a Python number, would have the train step compiled twice."""
  task = make_task(folder, loss="sigmoid", loss_options={}, learned=("scale", "bias"))
  shapes = jax.eval_shape(task.init, jax.random.key(0))
  assert {*shapes[dual_encoder.LEARNED]} == {"scale", "bias"}
  assert not any(leaf.weak_type for leaf in jax.tree.leaves(shapes))


@pytest.mark.heavy
def test_matryoshka_adds_the_losses_of_the_first_dimensions(folder, params, batch, expected):
  loss, _, metrics = loss_and_gradient(make_task(folder, matryoshka=(16, 4)), params, batch)
  np.testing.assert_allclose(metrics["loss_16"], expected[0], rtol=1e-5)
  np.testing.assert_allclose(loss, metrics["loss_16"] + metrics["loss_4"], rtol=1e-6)
  assert metrics["loss_4"] != metrics["loss_16"]


def test_compiled_step_gathers(folder, params, batch):
  task, mesh = make_task(folder), make_mesh()
  with jax.set_mesh(mesh):
    batch = streams.to_devices(batch, jax.NamedSharding(mesh, jax.P(("data", "fsdp"))))
    step = jax.jit(jax.grad(task.loss_fn, has_aux=True))
    text = step.lower(params, batch, jax.random.key(0)).compile().as_text()
  assert "all-gather" in text


def test_metrics_count_what_is_there(batch, expected):
  metrics = expected[2]
  assert metrics["pairs"] == batch["mask"].sum()
  assert metrics["tokens"] == (batch["segments"] > 0).sum()
  assert metrics["negatives"] < metrics["pairs"] - 1


@pytest.mark.heavy
def test_dropout_is_the_same_on_any_number_of_devices(folder, params, batch):
  def loss(devices):
    task = make_task(folder)
    task.module = task.module.clone(bert=task.module.bert.clone(dropout=0.3))
    return loss_and_gradient(task, params, batch, devices)[0]

  assert loss(1) == pytest.approx(loss(8), rel=1e-5)
  assert abs(loss(1) - loss_and_gradient(make_task(folder), params, batch)[0]) > 1e-3


@pytest.mark.parametrize(
  "changes,words",
  [
    (dict(loss="margin_sofmax"), "did you mean 'margin_softmax'"),
    (dict(dtype="float16"), "Unknown dtype 'float16'"),
    (dict(exchange="rign"), "Unknown config.exchange 'rign'; did you mean 'ring'"),
    (dict(loss="hard_contrastive"), "Unknown option of loss 'hard_contrastive', '(margin|scale)'"),
    (dict(loss="tcm", loss_options={}), "needs a teacher: .* --config experiments/imascl/tcm.py:"),
    (
      dict(loss="hard_negative_ranking"),
      "needs hard negatives: .* --config experiments/ablations/hard_negatives.py:",
    ),
    (dict(loss="/nowhere/mine.py"), "/nowhere/mine.py: no such file for a loss"),
    (dict(learned=("margin",)), r"Unknown name in config.learned 'margin'. Choose from \['scale"),
    (dict(learned=("scale", "scale")), "Unknown name in config.learned 'scale'"),
    (dict(matryoshka=16), "config.matryoshka = 16: a tuple"),
  ],
)
def test_wrong_settings_are_said(folder, changes, words):
  with pytest.raises(InputError, match=words):
    make_task(folder, **changes)


def test_a_vocabulary_larger_than_the_model_is_said(folder):
  task = make_task(folder)
  task.model["vocab_size"] = 100
  with pytest.raises(InputError, match="has 200 entries"):
    task.tokenizer()


def test_text_of_one_language_is_refused(folder, tmp_path):
  tiny.write_dataset(tmp_path / "text", [Pair("eng", "", "wiki", "one\ntwo", "")])
  task = make_task(folder, data=str(tmp_path / "text"))
  with pytest.raises(InputError, match="text: has no translations"):
    task.batches()


def test_it_says_how_many_pairs_are_drawn_from(folder, capsys):
  languages = open_dataset(folder / "data").indices_by_language
  make_task(folder).batches()
  assert ": 600 pairs in 6 pairs of languages; " in capsys.readouterr().out
  make_task(folder, language_pairs=("eng-fra", "eng-[jr]*")).batches()
  count = sum(len(languages[f"eng-{code}"]) for code in ("fra", "jpn", "rus"))
  assert f": {count} pairs in 3 pairs of languages; " in capsys.readouterr().out


def test_a_wrong_language_pair_is_said_before_the_teacher_encodes(folder, tiny_folder):
  teacher = dict(model=str(tiny_folder), labels="average")
  task = make_task(
    folder,
    loss="similarity_distillation",
    loss_options={},
    teacher=teacher,
    language_pairs=("eng-xxx",),
  )
  with pytest.raises(InputError, match="pair of languages in config.language_pairs 'eng-xxx'"):
    task.batches()
  assert not (folder / "data" / "vectors").exists()
