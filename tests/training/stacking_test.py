"""Growing a model: which stages are allowed, what is copied, and that it pays at once."""

import json
import re
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from labse_jax import train as trainer
from labse_jax.base.errors import InputError
from labse_jax.base.sharding import make_mesh
from labse_jax.training import optim, stacking
from tests.support import tiny
from tests.support.places import ROOT


@pytest.fixture
def config(folder):
  config = tiny.pretraining_config(folder)
  config.stages = ((1, 6), (2, 6), (4, 4))
  config.model.depth = 4
  return config


def test_spans(config):
  spans = stacking.spans(config)
  assert [span[:4] for span in spans] == [(1, 1, 0, 6), (2, 2, 6, 12), (3, 4, 12, 16)]
  assert [span.end(total=16) for span in spans] == [6, 12, 16]
  config.stages = ((1, 3), (4, 2))
  assert [span.depth for span in stacking.spans(config)] == [1, 4]


@pytest.mark.parametrize(
  ("stages", "said"),
  [
    (((3, 5), (4, 5)), "3 layers cannot be stacked to 4; a multiple of 3"),
    (((4, 5), (2, 5)), "4 layers cannot be stacked to 2"),
    (((1, 5), (2, 5)), "ends with 2 layers; config.model.depth is 4"),
    (((2, 0), (4, 5)), r"stage 1 is \(2, 0\); \(layers, steps\) is needed"),
    (((2, 5), (4,)), r"stage 2 is \(4,\)"),
    (((-1, 5), (4, 5)), r"stage 1 is \(-1, 5\)"),
    (((0, 5), (0, 5)), "0 layers cannot be stacked to 0"),
    (((1, 0.5), (4, 5)), r"stage 2 is \(4, 5\); \(layers, share of the steps\) is needed"),
    (((1, 0.9999), (4, 0.0001)), r"stage 2 is \(4, 0.0001\); \(layers, share of the steps\)"),
    (((1, 0), (4, 5)), r"stage 1 is \(1, 0\); \(layers, steps\)"),
    (((1, 0.5), (4, float("nan"))), r"stage 2 is \(4, nan\)"),
    ((2, 4), "stage 1 is 2"),
  ],
)
def test_stages_that_cannot_be(config, stages, said):
  config.stages = stages
  with pytest.raises(InputError, match=said):
    stacking.spans(config)


def test_stages_beside_a_number_of_steps(config):
  config.total_steps = 5
  with pytest.raises(InputError, match="total_steps and seconds are 0 beside it"):
    stacking.spans(config)


def test_stages_as_shares_of_the_steps(config):
  config.stages = ((1, 0.25), (2, 0.3), (4, 0.45))
  config.total_steps = 100
  spans = stacking.spans(config)
  assert [(span.first(100), span.end(100)) for span in spans] == [(0, 25), (25, 55), (55, 100)]
  # An int32 would overflow in 3,000,000 * 550.
  assert int(spans[1].end(jnp.int32(3_000_007))) == spans[1].end(3_000_007) == 1_650_003
  config.stages = ((1, 0.25), (4, 0.5))
  with pytest.raises(InputError, match="the shares of the steps sum to 0.75, not to 1"):
    stacking.spans(config)


@pytest.mark.parametrize(("name", "value"), [("moments", "keep"), ("schedule", "again")])
def test_unknown_ways_to_stack(config, name, value):
  config.stacking[name] = value
  with pytest.raises(InputError, match=f"Unknown stacking.{name} '{value}'"):
    stacking.spans(config)


def test_stages_without_a_way_to_stack(config):
  del config.stacking
  with pytest.raises(InputError, match="Unknown stacking.moments None. Choose from"):
    stacking.spans(config)


def test_the_schedule_restarts_or_goes_on(config):
  spans = stacking.spans(config)
  assert stacking.schedule_of(config, spans[1]).span[2:4] == (0, 16)
  config.stacking.schedule = "restart"
  config.schedule = dict(
    peak=1e-3, warmup=(0.5, 0.1, 0.1), decay=("constant", "constant", "linear")
  )
  span, options = stacking.schedule_of(config, spans[2])
  assert (span[2:4], options["decay"], options["warmup"]) == ((12, 16), "linear", 0.1)
  rates = [float(optim.learning_rate(s - 12, 4, **options)) for s in range(12, 16)]
  assert rates[0] == pytest.approx(options["peak"]) and rates == sorted(rates, reverse=True)


def test_a_tuple_of_one_is_one_value(config):
  """What `--config.schedule.peak=0.002` makes of a tuple."""
  config.schedule = config.schedule.to_dict() | {"peak": (0.002,)}
  for span in stacking.spans(config):
    assert stacking.schedule_of(config, span)[1]["peak"] == 0.002


@pytest.mark.parametrize(
  ("name", "value"), [("decay", ("constant", "linear")), ("warmup", (0.1,) * 4)]
)
def test_a_schedule_of_another_number_of_stages(config, name, value):
  config.stacking.schedule = "restart"
  config.schedule = config.schedule.to_dict() | {name: value}
  with pytest.raises(InputError, match=f"config.schedule.{name} = .*: one value, or one for each"):
    stacking.schedule_of(config, stacking.spans(config)[0])


@pytest.mark.heavy
@pytest.mark.parametrize("fsdp", [1, 2])
@pytest.mark.parametrize("moments", stacking.MOMENTS)
def test_layers_are_copied_bit_for_bit_and_all_else_is_carried_over(config, moments, fsdp):
  config.stacking.moments, config.mesh.fsdp = moments, fsdp
  mesh = make_mesh(fsdp)
  with jax.set_mesh(mesh):
    one, two, _ = trainer.make_stages(config, mesh)
    state = one.init(jax.random.key(1))
    state = jax.tree.map(lambda x: x + jnp.ones_like(x), state)  # Moments that are not zero.
    grown = two.grow(state)
    again = trainer.make_stages(config, mesh)[2].grow(grown)
  old, new, last = (jax.device_get(s) for s in (state, grown, again))
  for part in ("params",) + ("opt",) * (moments == "copy"):

    def flat(tree, part=part):
      return dict(jax.tree_util.tree_leaves_with_path(tree[part]))

    for path, leaf in flat(old).items():
      if "blocks" in jax.tree_util.keystr(path):
        for i in range(2):
          np.testing.assert_array_equal(flat(new)[path][i], leaf[0])
        for i in range(4):
          np.testing.assert_array_equal(flat(last)[path][i], flat(new)[path][i % 2])
      else:
        np.testing.assert_array_equal(flat(new)[path], leaf)
  if moments == "reset":
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(new["opt"]))
  assert new["step"] == old["step"]
  shapes = jax.tree.map(lambda x: (x.shape, x.sharding), (grown, two.abstract))
  assert jax.tree.leaves(shapes[0]) == jax.tree.leaves(shapes[1])


def losses(workdir):
  return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.heavy
def test_a_stacked_model_starts_where_the_shallow_one_ended(folder, tmp_path):
  config = tiny.pretraining_config(folder, log_every=1)
  config.schedule.peak = 5e-3
  config.stages, config.model.depth = ((2, 150), (4, 5)), 4
  trainer.train(config, tmp_path / "stacked")
  rows = losses(tmp_path / "stacked")
  assert [row["stage"] for row in rows] == [1] * 150 + [2] * 5
  last = np.mean([row["loss"] for row in rows[140:150]])
  config.stages = ((4, 1),)
  trainer.train(config, tmp_path / "fresh")
  fresh = losses(tmp_path / "fresh")[0]["loss"]
  first = rows[150]["loss"]
  assert last < fresh - 0.5, "the shallow model must have learnt something to pass on"
  assert first < fresh and abs(first - last) < 0.5 * (fresh - last)


def command(folder, workdir, **flags):
  words = [f"--config.{name}={value}" for name, value in flags.items()]
  return [
    sys.executable,
    "-m",
    "labse_jax.train",
    "--config",
    str(folder / "pretraining.py"),
    "--workdir",
    str(workdir),
    *words,
  ]


@pytest.mark.slow
@pytest.mark.parametrize(
  ("kill_at", "save_every"), [(10, 10), (6, 1000)], ids=["in stage 2", "at the border"]
)
def test_killed_and_resumed_is_bit_identical(folder, tmp_path, kill_at, save_every):
  """SIGKILL inside stage 2 (steps 6 to 66), or in it with the border's checkpoint alone."""
  source = (
    f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    "import pathlib\nfrom tests.support import tiny\n\ndef get_config(arg=None):\n"
    f"  config = tiny.pretraining_config(pathlib.Path({str(folder)!r}), log_every=1)\n"
    "  config.stages, config.model.depth = ((1, 6), (2, 60), (4, 4)), 4\n"
    f"  config.save_every = {save_every}\n  return config\n"
  )
  (folder / "pretraining.py").write_text(source)
  straight, broken = tmp_path / "straight", tmp_path / "broken"
  subprocess.run(command(folder, straight), check=True, capture_output=True)
  process = subprocess.Popen(
    command(folder, broken), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
  )
  deadline = time.monotonic() + 120
  while not (broken / "checkpoints" / str(kill_at)).exists() and time.monotonic() < deadline:
    time.sleep(0.01)
  process.kill()
  process.wait()
  out = subprocess.run(command(folder, broken), check=True, capture_output=True, text=True).stdout
  step = int(re.search(r"goes on from step (\d+) of 70", out)[1])
  assert step == 6 if save_every == 1000 else 6 < step < 66

  def strip(rows):
    return [{k: v for k, v in row.items() if "second" not in k} for row in rows]

  assert strip(losses(broken)) == strip(losses(straight))
  ours, theirs = ((w / "model" / "model.safetensors").read_bytes() for w in (straight, broken))
  assert ours == theirs
