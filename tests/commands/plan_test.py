"""A plan is the trainer's own step, counted: against shapes counted by hand and real batches."""

import functools
import json
import shlex
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest

from labse_jax import plan as planner
from labse_jax.base import sharding
from labse_jax.base.errors import InputError, run
from labse_jax.base.plugins import chosen
from labse_jax.configs.command_line import parse
from labse_jax.plan_flags import parser, scale_of
from labse_jax.planning import compilation
from labse_jax.planning.chips import GIB, Chip
from labse_jax.planning.table import page
from tests.support import tiny
from tests.support.places import ROOT

CONFIG = "experiments/quickstart.py:runlocal"


@pytest.fixture
def config(tmp_path):
  return tiny.config(tmp_path / "nothing")  # A plan needs no data.


@pytest.fixture
def slice_of():
  pytest.importorskip("libtpu", reason="the TPU compiler: pip install 'labse_jax[plan]'")
  return compilation.devices_of


@pytest.fixture(scope="module")
def local(tmp_path_factory):
  """The plan of the tiny config here."""
  return planned(tiny.config(tmp_path_factory.mktemp("nothing")))


def planned(config, devices=None, **changes):
  config.update(changes)
  return planner.plan(config, devices or jax.devices(), search=False)


def weights(config):
  """The parameters of the tiny config, counted by hand."""
  D, F, N = config.model.width, config.model.mlp_width, config.model.depth
  tables = (256 + config.model.positions + config.model.types) * D  # 200 rows, padded to 128s.
  layer = 3 * D * D + 3 * D + D * D + D + D * F + F + F * D + D + 4 * D
  return 4 * (tables + 2 * D + N * layer)


@pytest.mark.heavy
def test_memory_is_split_exactly(config, local):
  made = local
  assert made["memory"]["parameters"] == weights(config)
  assert made["memory"]["optimiser_state"] == 2 * weights(config) + 4  # And Adam's counter.
  R, L, S = config.batch_rows // 8, config.length, config.slots
  assert made["memory"]["batch"] == R * (3 * 2 * L * 4 + 2 * S + 2 * S * 4)
  assert made["bytes_used_per_chip"] == sum(made["memory"].values())
  assert min(made["memory"].values()) >= 0 < made["memory"]["temporaries"]
  assert made["fits"] is True and made["bytes_used_per_chip"] < made["bytes_per_chip"]


@pytest.mark.heavy
def test_fsdp_splits_the_weights_and_gathers_them(config, local, monkeypatch):
  split_weights = functools.partial(sharding.weight_sharding, min_size=1)
  monkeypatch.setattr("labse_jax.training.optimizers.weight_sharding", split_weights)
  config.mesh.fsdp = 4
  split = planned(config)
  assert split["memory"]["parameters"] < 0.3 * local["memory"]["parameters"]
  assert split["collective_bytes"]["all-gather"] > local["collective_bytes"]["all-gather"]
  assert split["flops_per_step"] == local["flops_per_step"]


@pytest.mark.heavy
def test_twelve_layers_cost_twice_six(config):
  def counted(depth, remat=False):
    config.model.depth, config.remat = depth, remat
    traced, held = planner.trace_step(config, planner.make_mesh())
    return np.array([sum(planner.matrix_flops(traced.jaxpr).values()), held["parameters"]])

  three, six, twelve = map(counted, (3, 6, 12))
  np.testing.assert_array_equal(twelve - six, 2 * (six - three))
  assert all(twelve > six) and counted(12, remat=True)[0] > twelve[0]


@pytest.mark.heavy
def test_shapes_are_those_of_a_real_batch(folder):
  config = tiny.config(folder)
  task = chosen("tasks", config.task).Task(config)
  batch = next(iter(task.batches()))
  real = {name: (array.shape, array.dtype) for name, array in batch.items()}
  assert {name: (x.shape, x.dtype) for name, x in task.batch_shapes().items()} == real


@pytest.mark.slow
def test_pretraining_is_planned_at_its_deepest_stage_with_a_search(tmp_path):
  config = tiny.pretraining_config(tmp_path / "nothing")
  shallow = planner.plan(config, jax.devices(), search=True)
  assert shallow["fits"] and shallow["largest_batch"]["rows_per_chip"] >= 1
  config.stages, config.model.depth = ((2, 4), (4, 4)), 4
  assert planned(config)["memory"]["parameters"] > shallow["memory"]["parameters"]


@pytest.mark.heavy
@pytest.mark.parametrize(
  ("stages", "total_steps"), [(((0, 0.75), (2, 0.25)), 4), (((0, 3), (2, 1)), 0)], ids=str
)
def test_of_several_stages_the_last_is_planned(config, local, stages, total_steps):
  made = planned(config, stages=stages, total_steps=total_steps)
  assert made["memory"]["parameters"] == weights(config) == local["memory"]["parameters"]
  assert made["flops_per_step"] == local["flops_per_step"]


def test_the_search_compiles_other_batches_until_one_does_not_fit(config, monkeypatch):
  asked = []

  def compile_step(config, mesh, topology):
    asked.append(config.batch_rows)
    used = 1000 + 10 * config.batch_rows
    return {}, compilation.Compiled({}, used, None, None)

  monkeypatch.setattr(planner, "compile_step", compile_step)
  config.chunks, config.batch_rows = 2, 16
  found = planner.search_batch(config, planner.make_mesh(), used=1160, limit=10_000)
  assert found == {
    "batch_rows": 896,
    "rows_per_chip": 112,
    "rows_per_chip_that_do_not_fit": 114,
    "remat": False,
  }
  assert config.batch_rows == 16 and all(rows % 16 == 0 for rows in asked)


@pytest.mark.heavy
def test_a_slice_is_compiled_for_without_one(slice_of, config, local):
  made = planned(config, slice_of("v3:2x2"))
  assert (made["devices"], made["device_kind"], made["fits"]) == (8, "TPU v3", True)
  assert made["bytes_per_chip"] == 16 * GIB > made["bytes_usable_per_chip"]
  assert made["memory"]["parameters"] == weights(config)
  assert made["bytes_used_per_chip"] == sum(made["memory"].values())
  assert made["collectives_in_loops_of_unknown_length"] == 0
  assert made["seconds_at_peak"] == made["flops_per_chip"] / 61.5e12
  assert made["flops_per_step"] == local["flops_per_step"] == 8 * local["flops_per_chip"]
  assert made["useful_flops_per_step"] == local["useful_flops_per_step"]
  assert 0 < made["mfu_limit"] < made["useful_flops_per_step"] / made["flops_per_step"]
  assert sum(made["limit_by_category"].values()) == pytest.approx(made["step_seconds_limit"])
  assert made["limit_by_category"]["collectives"] > 0 < made["limit_by_basis"]["compiler"]
  text = page({"topology": "v3:2x2"} | made)
  assert "It fits." in text and "MFU at best" in text


@pytest.mark.slow
@pytest.mark.parametrize(
  ("topology", "devices", "dtype"),
  [("h100", 1, "float32"), ("h200:4", 4, "float32"), ("h100", 1, "bfloat16")],
)
def test_gpus_are_compiled_for_without_one(config, local, topology, devices, dtype):
  for name in ("jax_cuda13_plugin", "nvidia"):
    pytest.importorskip(name, reason="CUDA's compiler: pip install 'labse_jax[plan-cuda]'")
  config.dtype = dtype
  made = planner.plan(config, compilation.devices_of(topology), topology=topology, search=False)
  assert (made["devices"], made["platform"], made["fits"]) == (devices, "gpu", True)
  fused = dtype == "bfloat16"
  assert made["attention"] == ("cudnn" if fused else "xla")
  assert made["memory"]["parameters"] == weights(config)
  # On the way back, a fused kernel computes the scores again.
  assert (made["flops_per_step"] > local["flops_per_step"]) == fused
  assert made["useful_flops_per_step"] == local["useful_flops_per_step"]
  assert 0 < made["mfu_limit"] < 0.5 and "NVIDIA H" in made["device_kind"]
  assert (made["limit_by_category"]["collectives"] > 0) == (devices > 1)
  assert "MFU at best" in page({"topology": topology} | made)


@pytest.mark.heavy
@pytest.mark.parametrize("changes", [{"remat": True}, {"chunks": 2}, {"remat": True, "chunks": 2}])
def test_what_is_computed_again_is_not_useful(config, local, changes):
  """Without recomputation, all arithmetic is useful but for that of the metrics."""
  config.update(changes)
  mesh = planner.make_mesh()
  traced, _ = planner.trace_step(config, mesh)
  useful = planner.useful(config, mesh)
  assert sum(planner.matrix_flops(traced.jaxpr).values()) > 1.2 * useful
  assert useful == local["useful_flops_per_step"]
  assert useful == pytest.approx(local["flops_per_step"], rel=0.05)


@pytest.mark.heavy
def test_the_hash_is_that_of_the_program_and_not_of_the_machine(config, local):
  mesh = planner.make_mesh()
  assert planner.step_hash(config, mesh) == local["program"]
  config.data = "another/folder"
  assert planner.step_hash(config, mesh) == local["program"]
  config.model.depth += 1
  assert planner.step_hash(config, mesh) != local["program"]


EMPTY = "HloModule f\n\nENTRY %main () -> f32[] {\n}"


def test_more_chips_of_the_same_kind_get_the_same_rows(config, monkeypatch):
  asked = []

  def compile_step(config, mesh, topology):
    asked.append((config.batch_rows, mesh.size, topology))
    return {}, compilation.Compiled({"temporaries": 7}, 7, None, EMPTY)

  monkeypatch.setattr(planner, "compile_step", compile_step)
  devices = jax.devices()
  sizes = [planner.size_of(config, 4, f"a:{n}", devices[:n]) for n in (2, 8)]
  assert asked == [(8, 2, "a:2"), (32, 8, "a:8")]
  assert [size.numbers["topology"] for size in sizes] == ["a:2", "a:8"]
  assert [(size.devices, size.sent) for size in sizes] == [(2, []), (8, [])]
  json.dumps([size.numbers for size in sizes])


@pytest.fixture
def on_cpus(monkeypatch):
  """So many CPUs stand for the devices of any topology; returns what was compiled."""
  compiled = []

  def compile_step(config, mesh, topology):
    compiled.append(topology)
    if topology == "v3:4x8":
      return {}, compilation.Compiled({"temporaries": 7}, 7, "Ran out of memory.", None)
    return {}, compilation.Compiled({"temporaries": 7}, 7, None, EMPTY)

  count = {"v3:2x2": 8, "v3:2x4": 4, "v3:4x8": 2}
  monkeypatch.setattr(planner, "devices_of", lambda topology: jax.devices()[: count[topology]])
  monkeypatch.setattr(planner, "compile_step", compile_step)
  return compiled


SCALED = ["--config", CONFIG, "--topology=v3:2x2", "--no-search"]


@pytest.mark.heavy
def test_a_size_that_does_not_fit_leaves_the_plan_as_it_is(on_cpus, tmp_path, capsys):
  output = tmp_path / "plan.json"
  planner.main([*SCALED, "--scale=16,64", f"--output={output}"])
  made = json.loads(output.read_text())
  assert made["bytes_used_per_chip"] == 7 and on_cpus == ["v3:2x2", "v3:2x4", "v3:4x8"]
  assert [step["refused"] for step in made["scaling"]["steps"]] == [None, "Ran out of memory."]
  assert made["scaling"]["findings"] == ["2 chips: the step does not fit: Ran out of memory."]
  assert "does not fit" in capsys.readouterr().out


def test_a_size_that_cannot_be_is_refused_before_anything_is_compiled(on_cpus):
  with pytest.raises(InputError, match="--scale, v3:2x4: mesh.fsdp = 8 does not divide the 4"):
    planner.main([*SCALED, "--scale=16,64", "--config.mesh.fsdp=8"])
  assert on_cpus == []


def test_a_batch_that_the_plan_itself_cannot_have_is_no_fault_of_the_scale(on_cpus):
  with pytest.raises(InputError, match=r"^batch_rows = 4: not divisible by 8 devices"):
    planner.main([*SCALED, "--scale=16,64", "--config.batch_rows=4"])
  assert on_cpus == []


def test_a_larger_batch_settles_remat_anew(config, monkeypatch):
  """The search asks for batches whose remat is open, so that it is what each of them needs."""
  asked = []

  def compile_step(config, mesh, topology):
    asked.append((config.batch_rows, config.remat, config.attention))
    return {}, compilation.Compiled({}, config.batch_rows, None, EMPTY)

  monkeypatch.setattr(planner, "compile_step", compile_step)
  monkeypatch.setattr(planner, "chip", lambda devices: Chip(100, 100, None, "made up"))
  config.update({"remat": "auto", "unroll": "auto", "batch_rows": 8, "attention": "auto"})
  made = planner.plan(config, jax.devices())
  first, *others = asked
  assert first == (8, False, "cpu") and len(others) > 1
  assert {(remat, way) for _, remat, way in others} == {("auto", "cpu")}
  assert (made["attention"], made["remat"], made["unroll"]) == ("cpu", False, True)
  assert made["largest_batch"]["remat"] is False


@pytest.mark.parametrize(
  ("topology", "text", "found"),
  [
    ("v3:4x4", "8,64,512", ["v3:2x2", "v3:4x8", "v3:16x16"]),
    ("h200", "1,8", ["h200:1", "h200:8"]),
    ("v5p:2x2x2", None, []),
  ],
)
def test_the_topologies_of_a_scale(topology, text, found):
  assert scale_of(topology, text) == found


@pytest.mark.parametrize("text", ["1,16", "8,64"])
def test_more_gpus_than_a_machine_holds_are_refused_in_the_words_of_scale(text):
  with pytest.raises(InputError, match=f"--scale {text}: one machine holds at most 8 GPUs"):
    scale_of("h100", text)


@pytest.mark.heavy
def test_what_the_compiler_refuses_does_not_fit(slice_of, config):
  made = planned(config, slice_of("v3:2x2"), batch_rows=2**20, chunks=1)
  assert made["fits"] is False and "Ran out of memory" in made["refused"]
  assert made["bytes_used_per_chip"] > 16 * GIB and made["collective_bytes"] is None
  text = page({"topology": "v3:2x2"} | made)
  assert "IT DOES NOT FIT" in text and "not known, since the compiler refused" in text


@pytest.mark.parametrize("name", ["v9:4x4", "v3", "nonsense", "h300", "v3:3x3"])
def test_an_unknown_slice_is_one_line(slice_of, name, capsys):
  with pytest.raises(SystemExit) as stop:
    run(planner.main, ["--config", CONFIG, "--topology", name])
  err = capsys.readouterr().err
  assert stop.value.code == 2 and err.count("\n") == 1 and name in err and "v3:4x4" in err
  assert "Choose a slice of" in err and "v5p" in err and "h100" in err


@pytest.mark.parametrize(
  ("words", "message"),
  [
    (["--config=none.py"], "none.py: no such config file"),
    (["--config", CONFIG, "--output=/nowhere/plan.json"], "there is no folder /nowhere"),
    (["--config", CONFIG, "--output=/tmp"], "/tmp: is a folder"),
    (["--config", CONFIG, "--output", CONFIG.partition(":")[0]], "is an input"),
    (["--config", CONFIG, "--output="], "--output: a path is needed; it is empty"),
    (["--config", CONFIG, "--config.batch_rows=12"], "not divisible by 8 devices"),
    (["--config", CONFIG, "--config.model.widht=12"], "did you mean 'config.model.width'"),
    (["--config", CONFIG, "--topolgy=local"], "topolgy"),
    (["--config", CONFIG, "--topology=h100:9"], "from 1 to 8"),
    (["--config", CONFIG, "--scale=8,64"], "--scale needs a --topology"),
    (["--config", CONFIG, "--topology=v3:4x4", "--scale=8"], "two or more rising numbers"),
    (["--config", CONFIG, "--topology=v3:4x4", "--scale=8,x"], "two or more rising numbers"),
    (["--config", CONFIG, "--topology=v5e:2x2", "--scale=8,512"], "the largest one has 256"),
    (["--config", CONFIG, "--topology=v3:4x4", "--scale="], "two or more rising numbers"),
    (["--config", CONFIG, "--topology=v3:4x4", "--scale=64,8"], "two or more rising numbers"),
    (["--config", CONFIG, "--topology=v3:4x4", "--scale=8,8"], "two or more rising numbers"),
    (["--config", CONFIG, "--topology=v3:4x4", "--scale=8,8²"], "two or more rising numbers"),
    (["--config", CONFIG, "--topology=v9:4x4", "--scale=64,8"], "--topology v9:4x4: unknown"),
    (["--config", CONFIG, "--topology=v5e:2x2x2"], "v5e has 2 axes, as in v5e:2x2. Choose a slice"),
  ],
)
def test_wrong_input_is_one_line_and_exit_2(words, message, capsys):
  with pytest.raises(SystemExit) as stop:
    run(planner.main, words)
  err = capsys.readouterr().err
  assert stop.value.code == 2 and message in err and err.count("\n") == 1, err


def test_the_experiment_is_not_overwritten_by_whatever_name_it_is_found(tmp_path, monkeypatch):
  copy = tmp_path / "experiments" / "quickstart.py"
  copy.parent.mkdir()
  shutil.copy(ROOT / "experiments" / "quickstart.py", copy)
  monkeypatch.setattr("labse_jax.configs.experiment_files.FOLDERS", (copy.parent,))
  monkeypatch.chdir(tmp_path)
  with pytest.raises(InputError, match="quickstart.py: is an input; name another file"):
    planner.main(["--config=quickstart:runlocal", "--output", str(copy)])
  assert "get_config" in copy.read_text()


@pytest.mark.heavy
def test_the_command_itself(tmp_path):
  output = tmp_path / "plan.json"
  done = subprocess.run(
    [
      sys.executable,
      "-m",
      "labse_jax.plan",
      "--config",
      CONFIG,
      "--config.model.depth=1",
      "--no-search",
      "--output",
      str(output),
    ],
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0 and done.stderr == "", done.stderr[-2000:]
  made = json.loads(output.read_text())
  assert {
    "fits",
    "bytes_per_chip",
    "bytes_used_per_chip",
    "flops_per_step",
    "collective_bytes",
  } <= set(made)
  assert "--no-search" in made["command"]
  assert made["largest_batch"] is None and made["seconds_at_peak"] is None
  for words in (
    "An estimate",
    "nothing was run",
    "optimiser state",
    "of matrix products only",
    "all-reduce",
    "It fits.",
    f"written: {output}",
  ):
    assert words in done.stdout
  assert "time at the peak" not in done.stdout


PLANS = sorted((ROOT / "results" / "plans").glob("*.json"))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_the_papers_runs_fit_as_the_page_says(path):
  made = json.loads(path.read_text())
  page = (ROOT / "docs" / "pretraining.md").read_text("utf-8")
  assert made["fits"] and made["bytes_used_per_chip"] < made["bytes_usable_per_chip"]
  used, usable = made["bytes_used_per_chip"] / GIB, made["bytes_usable_per_chip"] / GIB
  moved = [
    made["collective_bytes"][kind] / 2**20
    for kind in ("all-gather", "all-reduce", "reduce-scatter")
  ]
  memory, traffic = [line for line in page.splitlines() if f"| {made['topology']} |" in line]
  assert f"| {made['mesh']['fsdp']} | {used:.2f} of {usable:.2f} GiB |" in memory
  assert f"| {made['devices']} x {made['device_kind']} |" in memory
  assert f"| {made['flops_per_chip'] / 1e12:.1f} TFLOP |" in traffic
  assert " / ".join(f"{amount:,.0f}" for amount in moved) + " MiB" in traffic
  assert not any("501248" in one["shape"] for one in made["largest_collectives"])


def test_each_stored_plan_can_be_made_again():
  script = (ROOT / "benchmarks" / "plans.sh").read_text("utf-8")
  listed = [
    line.split()[0] for line in script.split('PLANS="')[1].split('"')[0].splitlines() if line
  ]
  assert listed == [path.stem for path in PLANS]


def config_of(made):
  """The config that a stored plan was made of, after `python -m labse_jax.plan`."""
  config, _ = parse(parser(), shlex.split(made["command"])[3:])
  return config


@pytest.mark.heavy
@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_stored_plan_is_that_of_the_program_as_it_is(path):
  """Nothing is compiled: the step is lowered for the platform, for a mesh without devices."""
  made = json.loads(path.read_text())
  if made["versions"]["jax"] != jax.__version__:
    pytest.skip(f"the plan was made with jax {made['versions']['jax']}; this is {jax.__version__}")
  if made.get("attention") == "cudnn":  # cuDNN is asked for when such a step is traced.
    pytest.importorskip("jax_cuda13_plugin", reason="pip install 'labse_jax[plan-cuda]'")
  now = planner.planned_hash(config_of(made), made["mesh"], made["platform"], made["device_kind"])
  assert now == made.get("program"), (
    f"results/plans/{path.name} was made of another program than the code has now; "
    f"make it again: bash benchmarks/plans.sh {path.stem}"
  )


@pytest.mark.slow
@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_the_compiler_still_says_so(slice_of, path):
  made = json.loads(path.read_text())
  devices = slice_of(made["topology"])
  again = planner.plan(config_of(made), devices, topology=made["topology"], search=False)
  assert again["fits"]
  for name in ("bytes_used_per_chip", "flops_per_step"):
    assert again[name] == pytest.approx(made[name], rel=0.05)
