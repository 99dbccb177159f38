"""AdamW in two forms behind one interface: it writes the whole word table, or a batch's own rows.

The train step asks its optimiser to `narrow` the state to what the step needs, updates that with
`tx`, and has it `widen` the result. The dense form hands the state on as it is.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from labse_jax.base.sharding import shardings, weight_sharding
from labse_jax.base.types import Config, Params
from labse_jax.training import optim, row_sparse
from labse_jax.training.encoder_task import EncoderTask
from labse_jax.training.optim import Rate, State

Batch = dict[str, jax.Array]


class Dense:
  """AdamW that writes every row of the word table in every step."""

  def __init__(self, options: dict[str, float]) -> None:
    self.options = options
    self.tx = optim.transformation(**options)

  def check(self, task: EncoderTask, config: Config) -> None:
    """Raises InputError where this form of AdamW does not suit the task or the config."""

  def init(self, params: Params, free: Params) -> State:
    """What the state holds beside the parameters; `free` are those that are trained."""
    return {"opt": self.tx.init(free)}

  def narrow_task(self, task: EncoderTask) -> EncoderTask:
    """The task that computes the loss on a narrow state."""
    return task

  def narrow(
    self, state: State, batch: Batch, rate_at: Rate
  ) -> tuple[State, Batch, jax.Array | None]:
    """(the state that the step updates, its batch, what `widen` needs to know)."""
    return state, batch, None

  def widen(self, state: State, narrow: State, rows: jax.Array | None) -> State:
    """The whole state after the step: `state` from before it, `narrow` from after it."""
    return narrow

  def make_settle(
    self, abstract: State, rate_of: Callable[[State], Rate]
  ) -> Callable[[State], Params]:
    """A function from a state to its parameters, every row up to date."""
    return lambda state: state["params"]


class RowSparse(Dense):
  """AdamW that writes only the rows of the word table that a batch looks up."""

  def check(self, task: EncoderTask, config: Config) -> None:
    row_sparse.check(task, fsdp=config.mesh.fsdp, stages=config.get("stages"), **self.options)

  def init(self, params: Params, free: Params) -> State:
    return super().init(params, free) | {"rows": row_sparse.init(params)}

  def narrow_task(self, task: EncoderTask) -> EncoderTask:
    return row_sparse.narrow_task(task)

  def narrow(self, state: State, batch: Batch, rate_at: Rate) -> tuple[State, Batch, jax.Array]:
    small, tokens, ids_U = row_sparse.narrow(state, batch["tokens"], rate_at, **self.options)
    return small, batch | {"tokens": tokens}, ids_U

  def widen(self, state: State, narrow: State, rows: jax.Array | None) -> State:
    assert rows is not None, "`narrow` gave the batch's rows"
    return row_sparse.widen(state, narrow, rows)

  def make_settle(
    self, abstract: State, rate_of: Callable[[State], Rate]
  ) -> Callable[[State], Params]:
    def settle(state):
      return row_sparse.settle(state, rate_of(state), **self.options)["params"]

    return jax.jit(settle, out_shardings=shardings(abstract["params"]))


def optimizer_of(config: Config) -> Dense:
  """The optimiser of a config."""
  form = RowSparse if config.get("row_sparse") else Dense
  return form(config.optim.to_dict())


def make_state(
  task: EncoderTask,
  optimizer: Dense,
  mesh: jax.sharding.Mesh,
  freeze: Sequence[str] = (),
) -> tuple[State, Callable[[jax.Array], State]]:
  """The state's shapes with their shardings, and the function that makes it on its devices."""

  def init(key):
    params = task.init(key)
    free = optim.take_free(params, optim.frozen_rows(params, freeze))
    zero = jnp.zeros((), jnp.int32)
    return {"params": params, "step": zero, "total": zero} | optimizer.init(params, free)

  def placed(x):
    return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=weight_sharding(x.shape, mesh))

  abstract = jax.tree.map(placed, jax.eval_shape(init, jax.random.key(0)))
  return abstract, jax.jit(init, out_shardings=shardings(abstract))
