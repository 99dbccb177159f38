"""Progressive stacking: a model grows deeper while it trains (Gong et al. 2019, sec. 3.2)."""

from typing import NamedTuple

import jax
import numpy as np

from labse_jax.base.errors import InputError, known
from labse_jax.base.sharding import shardings

MOMENTS = ("copy", "reset")
SCHEDULES = ("continue", "restart")


class Span(NamedTuple):
  """The steps [first, end) that a model of `depth` layers is trained for; numbered from 1."""

  number: int
  depth: int
  first: int
  end: int | None


class Schedule(NamedTuple):
  """A learning rate: where it begins, over how many steps it runs, and `optim.learning_rate`'s
  options."""

  first: int
  steps: int | None  # None: as many as the whole run has.
  options: dict


def spans(config):
  """The stages of a config, shallowest first; one, without an end, where it has none.

  `config.stages` is ((layers, steps), ...). Raises InputError where a depth is no multiple of the
  one before, or the last one is not the model's.
  """
  stages = config.get("stages", ())
  # Most runs have one stage, which ends where the run does.
  if not stages:
    return [Span(1, config.model.depth, 0, None)]
  known("stacking.moments", config.stacking.moments, MOMENTS)
  known("stacking.schedule", config.stacking.schedule, SCHEDULES)
  if config.total_steps or config.seconds:
    raise InputError("config.stages gives the steps: total_steps and seconds are 0 beside it.")
  found = []
  first = 0
  for number, stage in enumerate(stages, 1):
    pair = isinstance(stage, tuple | list) and len(stage) == 2
    if not pair or not all(isinstance(n, int) and n > 0 for n in stage):
      raise InputError(f"config.stages: stage {number} is {stage!r}; (layers, steps) is needed.")
    depth, steps = stage
    # Layers are copied whole times: 3 become 6 or 9, but not 8.
    if found and depth % found[-1].depth:
      raise InputError(
        f"config.stages: {found[-1].depth} layers cannot be stacked to {depth}; "
        f"a multiple of {found[-1].depth} is needed."
      )
    found.append(Span(number, depth, first, first + steps))
    first += steps
  if found[-1].depth != config.model.depth:
    raise InputError(
      f"config.stages ends with {found[-1].depth} layers; config.model.depth is "
      f"{config.model.depth}."
    )
  return found


def schedule_of(config, span):
  """The Schedule of the learning rate in a stage.

  Where the schedule restarts at each stage, its values may be tuples of one value a stage.
  """
  options = config.schedule.to_dict()
  restarts = span.end is not None and config.stacking.schedule == "restart"
  values_needed = len(config.stages) if restarts else 0
  for name, value in options.items():
    if isinstance(value, tuple | list) and len(value) != values_needed:
      raise InputError(
        f"config.schedule.{name} = {value}: one value, or one for each stage of a "
        "schedule that restarts."
      )
  if not restarts:
    return Schedule(0, None, options)

  def own(value):
    return value[span.number - 1] if isinstance(value, tuple | list) else value

  options = {name: own(value) for name, value in options.items()}
  return Schedule(span.first, span.end - span.first, options)


def stack(tree, abstract, depth):
  """`tree` with `depth` layers: new[i] = old[i mod k] on axis 0 of all that lies under "blocks".

  `abstract` has the new shapes' shardings. All other leaves are returned themselves.
  """

  def leaf(path, x, wanted):
    if jax.tree_util.DictKey("blocks") not in path:
      return x
    return jax.jit(_repeated, static_argnums=1, out_shardings=wanted.sharding)(x, depth)

  return jax.tree_util.tree_map_with_path(leaf, tree, abstract)


def _repeated(x, depth):
  return x[np.arange(depth) % x.shape[0]]


def grow(state, abstract, tx, *, depth, moments):
  """A training state with `depth` layers; all outside the layers is carried over.

  moments "copy" stacks the optimiser's as the weights, "reset" starts them anew.
  """
  params = stack(state["params"], abstract["params"], depth)
  if moments == "copy":
    opt = stack(state["opt"], abstract["opt"], depth)
  else:
    opt = jax.jit(tx.init, out_shardings=shardings(abstract["opt"]))(params)
  return state | {"params": params, "opt": opt}
