"""The table of a step's limits: its configs, and which rows of the file are made again."""

import json

import pytest

from benchmarks import step_limits
from labse_jax.base.errors import run
from tests.support.places import ROOT


@pytest.fixture
def planned(monkeypatch):
  """The configs that were planned, for four devices that stand for each topology."""
  seen = []

  def plan(config, devices, *, topology, search):
    assert len(devices) == 4 and not search
    seen.append((topology, config))
    return dict.fromkeys(step_limits.KEPT, topology)

  monkeypatch.setattr(step_limits, "devices_of", lambda topology: [None] * 4)
  monkeypatch.setattr(step_limits.planner, "plan", plan)
  return seen


def ways(config):
  return config.get("attention", "auto"), config.remat, config.unroll


@pytest.mark.parametrize(("length", "devices", "fsdp"), [(128, 512, 4), (512, 1, 1)])
def test_each_chip_has_as_many_tokens(length, devices, fsdp):
  config = step_limits.config_of(length, devices)
  assert 2 * config.batch_rows * config.length == devices * step_limits.TOKENS
  assert (config.length, config.mesh.fsdp) == (length, fsdp)
  assert config.model.dropout == config.model.attention_dropout == 0
  assert ways(config) == ("auto",) * 3


def test_before_computes_the_layers_in_the_cpus_way(planned):
  step_limits.row_of("h100", [None] * 4, 128, "before")
  step_limits.row_of("h100", [None] * 4, 128, "after")
  assert [ways(config) for _, config in planned] == [("cpu", True, False), ("auto",) * 3]


def test_the_rows_of_other_topologies_stay(planned, tmp_path):
  output = tmp_path / "limits.json"
  old = [{"topology": name, "old": True} for name in ("h100", "v3:16x16")]
  output.write_text(json.dumps({"steps": old}))
  step_limits.main(["--output", str(output), "--topologies", "h100"])
  stays, *made = json.loads(output.read_text())["steps"]
  assert stays == old[1]
  assert [(row["tokens_of_a_row"], row["when"]) for row in made] == [
    (128, "before"),
    (128, "after"),
    (512, "before"),
    (512, "after"),
  ]
  assert all(row["program"] == "h100" and "old" not in row for row in made)


def test_an_unknown_topology_is_one_line_before_anything_is_compiled(tmp_path, capsys, monkeypatch):
  known = step_limits.devices_of
  monkeypatch.setattr(
    step_limits, "devices_of", lambda name: [None] if name == "h100" else known(name)
  )
  with pytest.raises(SystemExit) as stop:
    run(
      step_limits.main, [f"--output={tmp_path / 'limits.json'}", "--topologies", "h100", "v9:4x4"]
    )
  err = capsys.readouterr().err
  assert stop.value.code == 2 and err.count("\n") == 1 and "--topology v9:4x4: unknown" in err


def test_the_page_has_the_rows_of_the_file():
  page = (ROOT / "docs" / "accelerators.md").read_text("utf-8")
  steps = json.loads((ROOT / "results" / "accelerator" / "step_limits.json").read_text("utf-8"))
  rows = {(row["topology"], row["tokens_of_a_row"], row["when"]): row for row in steps["steps"]}
  assert len(rows) == len(steps["steps"]) > 0
  for topology, length in {key[:2] for key in rows}:
    both = [rows[topology, length, when] for when in ("before", "after")]
    cells = [topology, str(length)]
    cells += [f"{1e3 * row['step_seconds_limit']:.0f} ms" for row in both]
    cells += [f"{100 * row['mfu_limit']:.1f} %" for row in both]
    cells += [f"{row['memory_traffic'] / 1e9:.0f} GB" for row in both]
    assert f"| {' | '.join(cells)} |" in page
