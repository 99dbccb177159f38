"""Progressive stacking: a model grows deeper while it trains (Gong et al. 2019, sec. 3.2)."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np
import optax

from labse_jax.base.errors import InputError, known
from labse_jax.base.sharding import shardings
from labse_jax.base.types import Config, Params
from labse_jax.configs.ranges import in_shares
from labse_jax.models.bert import with_first_layers
from labse_jax.training.optim import State

Total = TypeVar("Total", int, jax.Array)
Tree = TypeVar("Tree")
MOMENTS = ("copy", "reset")
SCHEDULES = ("continue", "restart")
PARTS = 1000  # Of a run; shares of its steps are rounded to these.


class Span(NamedTuple):
  """The steps that a model of `depth` layers is trained for; numbered from 1.

  `begin` and `finish` are steps, or with `shares` parts of all steps, of which a run has PARTS:
  how many steps that are is known once the run knows its length.
  """

  number: int
  depth: int
  begin: int
  finish: int
  shares: bool = False

  def first(self, total: Total) -> int | Total:
    """The first step, in a run of `total` steps; `total` may be a traced integer."""
    return self._step(self.begin, total)

  def end(self, total: Total) -> int | Total:
    """The step after the last one."""
    return self._step(self.finish, total)

  def _step(self, place: int, total: Total) -> int | Total:
    if not self.shares:
      return place
    # Not total * place // PARTS, which an int32 does not hold.
    return total // PARTS * place + total % PARTS * place // PARTS


class Schedule(NamedTuple):
  """A learning rate: the span that it runs over, and `optim.learning_rate`'s options."""

  span: Span
  options: dict[str, Any]


def spans(config: Config) -> list[Span]:
  """The stages of a config, shallowest first; a single one where it has none.

  `config.stages` is ((layers, steps), ...), or ((layers, share of the steps), ...) beside
  total_steps or seconds. Raises InputError where a depth is no multiple of the one before, or the
  last one is not the model's.
  """
  stages = config.get("stages", ())
  # Most runs have one stage, which ends where the run does.
  if not stages:
    return [Span(1, config.model.depth, 0, PARTS, shares=True)]
  stacking = config.get("stacking", {})
  known("stacking.moments", stacking.get("moments"), MOMENTS)
  known("stacking.schedule", stacking.get("schedule"), SCHEDULES)
  shares = in_shares(config)
  if not shares and (config.total_steps or config.seconds):
    raise InputError("config.stages gives the steps: total_steps and seconds are 0 beside it.")
  found: list[Span] = []
  first = 0
  done = 0
  for number, stage in enumerate(stages, 1):
    _check_stage(number, stage, float if shares else int)
    depth, length = stage
    done += length
    if found and not _can_grow(found[-1].depth, depth):
      raise InputError(
        f"config.stages: {found[-1].depth} layers cannot be stacked to {depth}; "
        f"a multiple of {found[-1].depth} is needed."
      )
    end = round(done * PARTS) if shares else done
    found.append(Span(number, depth, first, end, shares))
    first = end
  if shares and first != PARTS:
    raise InputError(f"config.stages: the shares of the steps sum to {done:g}, not to 1.")
  if found[-1].depth != config.model.depth:
    raise InputError(
      f"config.stages ends with {found[-1].depth} layers; config.model.depth is "
      f"{config.model.depth}."
    )
  return found


def _can_grow(shallow, deep):
  """Whether a model of `shallow` layers can become one of `deep`.

  Layers are copied whole times: 3 become 6 or 9, but not 8. Where there are none, all are fresh.
  """
  return deep % shallow == 0 if shallow else deep > 0


def _check_stage(number, stage, kind):
  """Raises InputError where a stage is not (layers, steps), or (layers, share of the steps)."""
  length = "share of the steps" if kind is float else "steps"
  pair = isinstance(stage, tuple | list) and len(stage) == 2
  if not pair or not isinstance(stage[0], int) or not isinstance(stage[1], kind):
    fits = False
  else:
    # Without layers the vectors are means of the word table's rows: a start, but no model.
    fits = stage[0] >= 0 and stage[1] >= (1 / PARTS if kind is float else 1)
  if not fits:
    raise InputError(f"config.stages: stage {number} is {stage!r}; (layers, {length}) is needed.")


def schedule_of(config: Config, span: Span) -> Schedule:
  """The Schedule of the learning rate in a stage.

  Where the schedule restarts at each stage, its values may be tuples of one value a stage.
  """
  options = config.schedule.to_dict()
  stages = config.get("stages", ())
  restarts = bool(stages) and config.stacking.schedule == "restart"
  values_needed = len(stages) if restarts else 0
  for name, value in options.items():
    # A command line that sets a tuple to one number makes a tuple of one.
    if isinstance(value, tuple | list) and len(value) == 1:
      options[name] = value[0]
    elif isinstance(value, tuple | list) and len(value) != values_needed:
      raise InputError(
        f"config.schedule.{name} = {value}: one value, or one for each stage of a "
        "schedule that restarts."
      )
  if not restarts:
    last = spans(config)[-1]
    return Schedule(last._replace(begin=0), options)

  def own(value):
    return value[span.number - 1] if isinstance(value, tuple | list) else value

  return Schedule(span, {name: own(value) for name, value in options.items()})


def stack(tree: Tree, abstract: Tree, depth: int) -> Tree:
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


def grow(
  state: State,
  abstract: State,
  tx: optax.GradientTransformation,
  *,
  depth: int,
  moments: str | None,
  fresh: Callable[[], Params],
) -> State:
  """A training state with `depth` layers; all outside the layers is carried over.

  moments "copy" stacks the optimiser's as the weights, "reset" starts them anew. Where the model
  had no layers, `fresh()` gives parameters that have, and the moments of those begin at zero.
  """
  layered = "blocks" in state["params"]["bert"]
  if layered:
    params = stack(state["params"], abstract["params"], depth)
  else:
    join = jax.jit(with_first_layers, out_shardings=shardings(abstract["params"]["bert"]))
    params = dict(state["params"])
    params["bert"] = join(params["bert"], fresh()["bert"])
  if moments == "copy" and layered:
    opt = stack(state["opt"], abstract["opt"], depth)
  else:
    opt = jax.jit(tx.init, out_shardings=shardings(abstract["opt"]))(params)
  if moments == "copy" and not layered:
    before = dict(jax.tree_util.tree_leaves_with_path(state["opt"]))
    opt = jax.tree_util.tree_map_with_path(lambda path, new: before.get(path, new), opt)
  return state | {"params": params, "opt": opt}
