"""The fields of a config, and what a misspelt one was likely meant to be."""

import ml_collections
import pytest

from labse_jax.configs.fields import fields, table, unknown_field

CONFIG = ml_collections.ConfigDict(
  dict(
    seed=0,
    data="runs/data",
    batch_rows=16,
    head=dict(pooling="mean"),
    optim=dict(clip=1.0, weight_decay=0.01),
    schedule=dict(peak=2e-3, decay="linear"),
    evals=dict(),
    freeze=("bert",),
  )
)


def test_all_fields_are_listed_with_their_whole_paths():
  found = dict(fields(CONFIG))
  assert found["config.optim.clip"] == 1.0 and found["config.freeze"] == ("bert",)
  assert len(found) == 10 and "config.optim" not in found
  lines = table(CONFIG).splitlines()
  assert (
    "config.optim.clip          1.0" in lines and "config.data                'runs/data'" in lines
  )
  assert "config.evals               dict()" in lines and len(lines) == 10


@pytest.mark.parametrize(
  ("path", "near"),
  [
    ("config.optim.peek", ["config.schedule.peak"]),
    ("--config.optim.clp", ["config.optim.clip"]),
    ("config.optm.clip", ["config.optim.clip"]),
    ("clip", ["config.optim.clip"]),
    ("config.batchrows", ["config.batch_rows"]),
    ("config.peak", ["config.schedule.peak"]),
    ("config.decay", ["config.schedule.decay"]),
    ("config.optim", ["config.optim.clip", "config.optim.weight_decay"]),
    ("config.optim.wieght_decay", ["config.optim.weight_decay"]),
  ],
)
def test_a_misspelt_field_is_told_with_the_nearest(path, near):
  said = unknown_field(CONFIG, path)
  whole = "config." + path.removeprefix("--").removeprefix("config.")
  assert said.startswith(f"Unknown config field {whole!r}; did you mean {near[0]!r}")
  assert all(repr(one) in said for one in near)


def test_nothing_near_points_to_the_list_and_a_field_is_no_mistake():
  # The section that two fields share does not make them alike.
  for path in ("config.zzz", "config.schedule.zz"):
    assert unknown_field(CONFIG, path).endswith("; see the list of them by --fields.")
  assert unknown_field(CONFIG, "config.optim.clip") is None
