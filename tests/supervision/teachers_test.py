"""What a teacher says of a pair: whose vector, how wide, the same from the store or the step."""

import dataclasses

import jax
import numpy as np
import pytest

from labse_jax import model_folder
from labse_jax import train as trainer
from labse_jax.base.errors import InputError
from labse_jax.base.sharding import make_mesh
from labse_jax.data.batches import streams
from labse_jax.data.dataset import open_dataset
from labse_jax.data.sources import Pair
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.models import heads
from labse_jax.supervision import teachers, vector_store
from labse_jax.tasks import dual_encoder
from tests.support import tiny

PAIRS = [
  Pair("eng", "deu", "", "the page", "die Seite"),
  Pair("deu", "eng", "", "neu", "new"),
  Pair("zho-Hant", "rus", "", "一二", "раз"),
  Pair("rus", "zho-Hans", "", "два", "二一"),
  Pair("deu", "rus", "", "alt", "старый"),
]
ORDER = ("en", "rus", "zho", "deu")
ANCHORS = ["the page", "new", "раз", "два", "старый"]
OPTIONS = dict(temperature=0.1, teacher_temperature=0.05)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
  path = tmp_path_factory.mktemp("mixed") / "d"
  tiny.write_dataset(path, PAIRS)
  return open_dataset(path)


def test_priority_takes_the_side_whose_language_comes_first(mixed, tiny_folder, tiny_encoder):
  look = teachers.look_up(mixed, model=str(tiny_folder), labels="priority", order=ORDER)
  indices = np.array([4, 0, 1, 3, 2, 0])
  got = look(indices)["teacher"]
  expected = tiny_encoder.encode([ANCHORS[i] for i in indices], normalize_embeddings=True)
  assert got.dtype == np.float16 and got.shape == (6, 32)
  np.testing.assert_allclose(got, expected, rtol=2**-11, atol=1e-6)
  np.testing.assert_array_equal(
    teachers.anchor_sides(mixed, ("deu", "eng", "zho-Hant", "rus")), [1, 0, 0, 1, 0]
  )


def test_average_has_the_mean_of_both_sides_similarities(mixed, tiny_folder, tiny_encoder):
  look = teachers.look_up(mixed, model=str(tiny_folder), labels="average")
  got = look(np.arange(5))["teacher"].astype(np.float64)
  sides = [
    tiny_encoder.encode([getattr(pair, side) for pair in PAIRS], normalize_embeddings=True)
    for side in ("source", "target")
  ]
  assert got.shape == (5, 64)
  np.testing.assert_allclose(got @ got.T, sum(z @ z.T for z in sides) / 2, atol=1e-3)


@pytest.mark.parametrize("labels,width", [("priority", 3), ("average", 6)])
def test_a_projection_gives_unit_vectors_of_the_students_width(mixed, tiny_folder, labels, width):
  teacher = dict(model=str(tiny_folder), labels=labels, order=ORDER, student_width=3)
  got = teachers.look_up(mixed, **teacher, projection="pca")(np.arange(5))["teacher"]
  assert got.shape == (5, width) == (5, teachers.width(**teacher, projection="pca"))
  np.testing.assert_allclose(np.linalg.norm(got.astype(np.float64), axis=1), 1, atol=1e-3)


def test_a_language_that_the_order_lacks_is_named(mixed, tiny_folder):
  for order, words in [(("eng", "zho"), "misses deu, rus of"), ((), "misses deu, eng, rus, zho")]:
    with pytest.raises(InputError, match=words):
      teachers.look_up(mixed, model=str(tiny_folder), labels="priority", order=order)


def test_several_hosts_are_told_to_run_teach_first(tmp_path, tiny_folder, monkeypatch):
  tiny.write_dataset(tmp_path / "d", PAIRS)
  data = open_dataset(tmp_path / "d")

  def look_up():
    return teachers.look_up(data, model="M", labels="average", prompt="query: ")

  monkeypatch.chdir(tmp_path)
  (tmp_path / "M").symlink_to(tiny_folder)
  monkeypatch.setattr(jax, "process_count", lambda: 2)
  with pytest.raises(InputError, match=r"teach --model M --data .*/d --prompt 'query: '$"):
    look_up()
  monkeypatch.undo()
  monkeypatch.chdir(tmp_path)
  vector_store.Store(data, "M", prompt="query: ").compute()
  monkeypatch.setattr(jax, "process_count", lambda: 2)
  assert look_up()(np.arange(2))["teacher"].shape == (2, 64)


@pytest.fixture(scope="module")
def twin(folder):
  """A teacher with the student's tokenizer, weights of its own and 24 dimensions."""
  config = tiny.config(folder)
  model = config.model.to_dict() | {"width": 24}
  head = {"pooling": "cls", "dense": 0, "dense_activation": "tanh", "normalize": False}
  params = jax.device_get(heads.init(heads.build(model, head), jax.random.key(7)))
  # So large that sentences differ by more than float16 rounds.
  params = jax.tree.map(lambda p: p * 20 if p.ndim > 1 else p, params)
  path = folder / "twin"
  model_folder.write(
    path,
    model_folder.ModelFolder(model, head, params, folder / "vocabulary" / "tokenizer.json", 32),
  )
  return path


def config_of(folder, teacher, loss="soft_contrastive", **changes):
  options = OPTIONS if loss == "soft_contrastive" else {}
  return tiny.config(folder, loss=loss, teacher=teacher, loss_options=options, **changes)


ALL = ("eng", *tiny.LANGUAGES)


@pytest.fixture(scope="module")
def both(folder, twin):
  """labels, chunks -> (task, its first batch, parameters), the teacher stored, then in the step."""

  def make(labels, chunks):
    # Some anchors are sources here, some are targets.
    teacher = dict(model=str(twin), labels=labels, order=ALL[2:] + ALL[:2])
    for where in ("stored", "step"):
      teacher["where"] = where
      task = dual_encoder.Task(config_of(folder, teacher, batch_rows=16, chunks=chunks))
      params = task.init(jax.random.key(0))
      if where == "step":
        params["teacher"] = model_folder.read(twin).params
      yield task, next(iter(task.batches())), params

  return make


@pytest.mark.heavy
@pytest.mark.parametrize("labels,chunks", [("priority", 2), ("average", 1)])
def test_the_step_gives_the_vectors_of_the_store(both, labels, chunks):
  (_, batch, _), (task, batch_in_step, params) = made = [*both(labels, chunks)]
  for one, its_batch, _ in made:
    shapes = {name: (a.shape, a.dtype) for name, a in one.batch_shapes().items()}
    assert {name: (a.shape, a.dtype) for name, a in its_batch.items()} == shapes
  assert "teacher" not in batch_in_step and batch["turned"].any()
  got = jax.jit(task.taught)(params["teacher"], batch_in_step)
  there, stored = batch["mask"].ravel(), batch["teacher"].reshape(got.shape)
  np.testing.assert_allclose(got[there], stored[there], atol=3e-4)
  assert np.abs(stored[there][:-1] - stored[there][1:]).max(1).min() > 0.01


@pytest.mark.heavy
def test_the_step_gives_the_loss_of_the_store(both):
  found, mesh = [], make_mesh()
  for task, batch, params in both("priority", 2):
    with jax.set_mesh(mesh):
      batch = streams.to_devices(batch, jax.NamedSharding(mesh, jax.P(("data", "fsdp"))))
      grad = jax.jit(jax.value_and_grad(task.loss_fn, has_aux=True))
      (loss, metrics), grads = grad(params, batch, jax.random.key(1))
    assert not any(np.any(g) for g in jax.tree.leaves(grads.pop("teacher", {})))
    found.append((loss, metrics["teacher_agreement"], grads))
  np.testing.assert_allclose(found[0][:2], found[1][:2], rtol=1e-3)
  scale = max(np.abs(g).max() for g in jax.tree.leaves(found[0][2]))
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, atol=2e-3 * scale), found[0][2], found[1][2]
  )


@pytest.mark.heavy
def test_a_run_with_the_teacher_in_the_step(folder, twin, monkeypatch):
  """Its weights stay as they were, have no moments, and are no part of the model folder."""
  teacher = dict(model=str(twin), labels="average", where="step")
  config, workdir = config_of(folder, teacher, total_steps=2, seconds=0.0), folder / "taught"
  states = []

  def keep(self, step, state, data):
    return states.append(jax.device_get(state))

  monkeypatch.setattr(trainer.Checkpoints, "save", keep)
  trainer.train(config, workdir)
  jax.tree.map(
    np.testing.assert_array_equal, states[-1]["params"]["teacher"], model_folder.read(twin).params
  )
  moved = [
    np.abs(a - b).max()
    for a, b in zip(*(jax.tree.leaves(states[n]["params"]["bert"]) for n in (0, -1)), strict=True)
  ]
  assert max(moved) > 0
  paths = [jax.tree_util.keystr(path) for path, _ in jax.tree.leaves_with_path(states[-1]["opt"])]
  assert any("word_embedding" in path for path in paths)
  assert not any("teacher" in path for path in paths)
  assert SentenceEncoder.load(workdir / "model").dimension == 16


@pytest.mark.heavy
def test_a_run_does_not_go_on_with_another_teacher(folder, twin, tiny_folder):
  prints = [
    dual_encoder.Task(config_of(folder, dict(model=str(model), labels="average"))).fingerprints()
    for model in (twin, twin, tiny_folder)
  ]
  assert prints[0] == prints[1] != prints[2]


@pytest.mark.heavy
def test_training_computes_what_is_missing_and_says_so(folder, twin, capsys):
  teacher = dict(model=str(twin), labels="priority", order=ALL, prompt="the ")
  task = dual_encoder.Task(config_of(folder, teacher))
  task.batches()
  assert "encodes 600 pairs, once" in capsys.readouterr().out
  task.batches()
  assert "encodes" not in capsys.readouterr().out


@pytest.mark.parametrize(
  "teacher,changes,words",
  [
    (None, {}, "'soft_contrastive' needs a teacher: config.teacher = "),
    (dict(model="", labels="average"), {}, r"lacks \['model'\]"),
    (dict(lables="average"), {}, "did you mean 'labels'"),
    (dict(labels="mean"), {}, "Unknown config.teacher.labels 'mean'"),
    (dict(where="disk"), {}, "Unknown config.teacher.where 'disk'"),
    (dict(model="/nowhere"), {}, "/nowhere: no such folder"),
    ({}, dict(loss="mse_distillation"), "of 24 dimensions, the student of 16; .*'pca'"),
    (dict(labels="average"), dict(loss="mse_distillation"), "helps is labels = 'priority'"),
    (dict(projection="pca"), dict(loss="mse_distillation", matryoshka=(8, 16)), "of 8, 16"),
    (dict(projection="pca", where="step"), {}, "where = 'step' has none"),
    (dict(order="eng"), {}, "config.teacher.order = 'eng': a list of texts is needed"),
    (dict(model=5), {}, "config.teacher.model = 5: a folder is needed"),
    (dict(where="step"), dict(row_sparse=True), "cannot be combined with config.row_sparse"),
  ],
)
def test_bad_settings_are_said_in_one_line(folder, twin, teacher, changes, words):
  if teacher is not None:
    teacher = dict(model=str(twin), labels="priority", order=ALL) | teacher
  with pytest.raises(InputError, match=words):
    dual_encoder.Task(config_of(folder, teacher, **changes))


def test_a_teacher_narrower_than_the_student_is_refused(folder, twin):
  teacher = dict(model=str(twin), labels="priority", order=ALL, projection="pca")
  config = config_of(folder, teacher, loss="mse_distillation")
  assert dual_encoder.Task(config).batch_shapes()["teacher"].shape[-1] == 16
  config.model.width, config.model.heads = 48, 4
  with pytest.raises(InputError, match="24 dimensions, fewer than the student's 48"):
    dual_encoder.Task(config)
  config.teacher.projection = ""
  with pytest.raises(InputError, match="the student of 48; what helps is a loss of similarities"):
    dual_encoder.Task(config)


def test_two_vectors_of_a_teacher_do_not_pass_for_one(folder, twin):
  config = config_of(folder, dict(model=str(twin), labels="average"), loss="mse_distillation")
  config.model.width, config.model.heads = 48, 4  # Twice the teacher's.
  with pytest.raises(InputError, match="'average' gives two; what helps is labels = 'priority'"):
    dual_encoder.Task(config)


def test_a_teacher_in_the_step_must_see_its_own_tokens(folder, twin, tiny_folder, tmp_path):
  content = dataclasses.replace(
    model_folder.read(twin), prompts={"q": "query: "}, default_prompt="q"
  )
  model_folder.write(tmp_path / "prompted", content)
  bert = content.params["bert"]
  bert = bert | {"position_embedding": bert["position_embedding"][:16]}
  model_folder.write(
    tmp_path / "short",
    dataclasses.replace(
      content,
      model=content.model | {"positions": 16},
      params={"bert": bert},
      max_length=16,
      default_prompt=None,
    ),
  )
  for model, words in [
    (tiny_folder, "has another tokenizer than the student"),
    (tmp_path / "prompted", "puts 'query: ' before each text, the student ''"),
    (tmp_path / "short", "takes 16 tokens, config.length is 32"),
  ]:
    teacher = dict(model=str(model), labels="average", where="step")
    with pytest.raises(InputError, match=f"{words}; take where = 'stored'"):
      dual_encoder.Task(config_of(folder, teacher)).batches()
