"""Every experiment: its full form is traced, its laptop form takes a step."""

import jax
import pytest

from labse_jax import train as trainer
from labse_jax.base.errors import InputError
from labse_jax.base.sharding import make_mesh
from labse_jax.configs.command_line import load_config
from tests.support.places import ROOT

FILES = sorted((ROOT / "experiments").rglob("*.py"))
STAGED = ("paper.py", "official_tf.py", "pretrain_small.py")
CASES = [
  (path, f"stage={stage}" if path.name in STAGED else "")
  for path in FILES
  for stage in (("pretrain", "dual_encoder") if path.name in STAGED else ("",))
]
IDS = [f"{path.stem}-{stage}" for path, stage in CASES]
OTHER_CODE = (
  "quickstart",
  "finetune",
  "pretrain_small",
  "small_machine",
  "hard",
  "tcm",
  "muse",
  "batches",
  "hard_negatives",
)
# Those that differ from these in numbers alone are traced, and trained with the slow tests.
LAPTOP = [
  pytest.param(
    path,
    stage,
    id=f"{path.stem}-{stage}",
    marks=[] if path.stem in OTHER_CODE else pytest.mark.slow,
  )
  for path, stage in CASES
]


@pytest.fixture
def given(tiny_folder):
  """given(path) -> what an experiment cannot do without."""

  def of(path):
    if path.name == "finetune.py" or path.parent.name == "imascl":
      return f"model={tiny_folder}"
    return f"miner={tiny_folder}" if path.name == "hard_negatives.py" else ""

  return of


def load(path, *words):
  return load_config(["--config", f"{path}:{','.join(filter(None, words))}", "--workdir", "w"])[0]


def step_shapes(stage):
  batch = stage.task.batch_shapes()
  return jax.eval_shape(stage.train_step, stage.abstract, batch, jax.random.key(0))


@pytest.mark.heavy
@pytest.mark.parametrize(("path", "stage"), CASES, ids=IDS)
def test_the_full_form_can_be_traced(path, stage, given):
  config = load(path, stage, given(path))
  mesh = make_mesh(config.mesh.fsdp)
  config = trainer.settle_rows(config, mesh)
  trainer.check_ranges(config, mesh)
  with jax.set_mesh(mesh):
    for one in trainer.make_stages(config, mesh):
      state, metrics = step_shapes(one)
      assert metrics["loss"].shape == ()
      assert jax.tree.map(lambda x: x.shape, state) == jax.tree.map(lambda x: x.shape, one.abstract)


@pytest.mark.heavy
@pytest.mark.parametrize(("path", "stage"), LAPTOP)
def test_the_laptop_form_trains(path, stage, folder, given, tmp_path):
  own = "model=" in given(path)
  vocabulary = "" if own else f"tokenizer={folder / 'vocabulary'}"
  config = load(path, stage, "runlocal", f"data={folder / 'data'}", vocabulary, given(path))
  if not own:
    config.model.vocab_size = 256
  trainer.train(config, tmp_path / "run")
  assert (tmp_path / "run" / "model" / "modules.json").exists()


@pytest.mark.parametrize("path", [p for p in FILES if p.name in STAGED], ids=lambda p: p.stem)
def test_an_unknown_stage(path):
  with pytest.raises(InputError, match="Unknown stage 'pretraining'"):
    load(path, "stage=pretraining")


def test_official_and_paper_differ_where_their_sources_do():
  paper, official = (
    load(ROOT / f"experiments/labse/{name}.py", "stage=dual_encoder")
    for name in ("paper", "official_tf")
  )
  assert paper.model == official.model and paper.model.vocab_size == 501_153
  assert (paper.length, official.length) == (128, 32)
  assert (paper.total_steps, official.total_steps) == (50_000, 500_000)
  pretraining = load(ROOT / "experiments/labse/official_tf.py")
  assert pretraining.stages == ((3, 112_500), (6, 112_500), (12, 450_000))
  assert pretraining.schedule.warmup[2] * 450_000 == pytest.approx(10_000)
