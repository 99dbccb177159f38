"""A stage says once that it compiles, and its trial goes on from the state that it left."""

import jax
import numpy as np
import pytest

from labse_jax.base.sharding import make_mesh
from labse_jax.training.stacking import Span
from labse_jax.training.stage import Stage


def count(state, batch, key):
  """A train step that adds up what the batches hold."""
  state = state | {"sum": state["sum"] + int(batch["x"].sum())}
  return state, {"sum": jax.numpy.int32(state["sum"])}


def stage(label):
  return Stage(
    span=Span(2, depth=6, begin=0, finish=10),
    task=None,
    abstract={},
    init=None,
    train_step=count,
    settle=None,
    grow=None,
    label=label,
    mesh=make_mesh(),
  )


@pytest.mark.parametrize("label,said", [({}, "step."), ({"stage": 2}, "step of stage 2.")])
def test_the_first_step_says_that_it_compiles(label, said, capsys):
  one = stage(label)
  state = {"sum": 0}
  for batch in ({"x": np.array([1])}, {"x": np.array([10])}):
    state, _ = one.step(state, batch, None)
  assert state == {"sum": 11}
  assert one.facts() == label | {"compile_seconds": one.compile_seconds}
  assert capsys.readouterr().out == f"compiling the {said}\n"


def test_a_trial_takes_the_next_batch_and_goes_on_from_its_own_state(capsys):
  one = stage({})
  begun = {"sum": 0}
  data = iter([{"x": np.full(8, 1)}, {"x": np.full(8, 10)}])
  seen = []

  def watched(state, batch, key):
    seen.append(state["sum"])
    return count(state, batch, key)

  one.train_step = watched
  step = one.trial(begun, data, None, make_mesh())
  step()
  step()
  assert seen == [0, 8]
  assert next(data, None) is None
