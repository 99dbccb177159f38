"""benchmarks/robustness/damaged_checkpoints.py: each kind of damage changes something."""

import json
import random

import pytest

from benchmarks.robustness import damaged_checkpoints as benchmark
from tests.support.places import ROOT


@pytest.fixture
def checkpoint(tmp_path):
  files = {"state/d/abc": 5000, "state/ocdbt/d/def": 900, "data/position": 40, "data/empty": 0}
  for number, (name, size) in enumerate(files.items()):
    path = tmp_path / "8" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes([number + 1]) * size)
  return tmp_path / "8"


def contents(folder):
  return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_hundred_are_tried():
  assert sum(count for _, _, count in benchmark.KINDS) == 100


@pytest.mark.parametrize("kind, where", [(kind, where) for kind, where, _ in benchmark.KINDS])
def test_each_kind_changes_what_it_says(checkpoint, kind, where):
  before = contents(checkpoint)
  row = benchmark.harm(checkpoint, kind, where, random.Random(0))
  after = contents(checkpoint)
  changed = {path for path in before | after if before.get(path) != after.get(path)}
  assert len(changed) == (2 if "swap" in kind else 1)
  if kind == "flip one bit":
    [path] = changed
    bits = [a ^ b for a, b in zip(before[path], after[path], strict=True)]
    assert sum(bits) == 1 << row["bit"] % 8 and bits[row["bit"] // 8]
  if where == "position":
    assert row["file"] == "data/position"
  if where == "state":
    assert row["file"] in ("state/d/ARRAYS", "state/ocdbt/d/ARRAYS")


def test_what_is_recorded_has_no_failure():
  text = (ROOT / "results" / "robustness" / "damaged_checkpoints.json").read_text("utf-8")
  recorded = json.loads(text)
  results = [row["result"] for row in recorded["rows"]]
  assert len(results) == recorded["damages"] == 100
  assert not [result for result in results if result.startswith("FAILED")]
