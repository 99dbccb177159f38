"""AdamW that writes only the rows of the word table that a batch looks up; for small machines.

Dense AdamW moves every row in every step: a row without a gradient still moves by its momentum and
its weight decay. Here such a row waits. When a batch looks it up again, it makes up for the k
updates that it missed:

1. The moments shrink by b1^k and b2^k, the weights by the product of (1 - rate * weight_decay).
   That is exact.
2. Take the j-th missed update, which is update t of the run. With the moments m and v as they were
   when the row was last touched, and root = sqrt((1 - b2^t) / b2^j), momentum moves the row by

       rate_t * share * root * m / (sqrt(v) + epsilon * root),  share = b1^j / (1 - b1^t).

3. The sum over j would need sqrt(v) for each number of the row and each j. Instead one mean root,
   sum(rate * share * root) / sum(rate * share), stands in the denominator for all j:

       sum(rate * share * root) * m / (sqrt(v) + epsilon * mean root).

   That is exact for one update, and where sqrt(v) is far from epsilon on either side. Between them
   the motion is wrong by at most 6 % in the first steps and 0.3 % after a hundred (b1 = 0.9,
   b2 = 0.98 to 0.999).

The train step itself is the dense one, on a state whose table has only the batch's rows: `narrow`,
step, `widen`. Weights that leave the state go through `settle`. Catching up takes some arrays of
[rows of the batch, about 150] float32.
"""

from collections.abc import Sequence
import math

import jax
import jax.numpy as jnp
import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.base.types import Params
from labse_jax.models.bert import table_rows
from labse_jax.training.encoder_task import EncoderTask
from labse_jax.training.optim import Rate, State

TABLE = "word_embedding"
REST = 1e-7  # The share of the motion that the sum leaves out.
CHUNK = 4_096  # Rows that `settle` works on at once.


def check(
  task: EncoderTask,
  *,
  fsdp: int,
  stages: Sequence[object] | None,
  b1: float,
  b2: float,
  **_: float,
) -> None:
  """Raises InputError where row-sparse AdamW would not be dense AdamW."""
  if not task.looks_up_only:
    raise InputError(
      "row_sparse: this task's loss reads all rows of the word table, so that "
      "every row has a gradient; set row_sparse = False."
    )
  if fsdp > 1:
    raise InputError(
      f"row_sparse: needs the whole table on each device; mesh.fsdp = {fsdp}, set 1."
    )
  if stages:
    raise InputError("row_sparse: cannot be combined with config.stages.")
  if not 0 < b1 < math.sqrt(b2) < 1:
    raise InputError(
      f"row_sparse: optim.b1 = {b1} must be less than the square root of "
      f"optim.b2 = {b2}, both between 0 and 1."
    )


def narrow_task(task: EncoderTask) -> EncoderTask:
  """The task on a table of as many rows as a batch can look up."""
  config = task.config.copy_and_resolve_references()
  tokens = table_rows(math.prod(task.batch_shapes()["tokens"].shape))
  config.model.vocab_size = min(tokens, table_rows(config.model.vocab_size))
  return type(task)(config)


def init(params: Params) -> dict[str, jax.Array]:
  """What the state holds under "rows", beside the parameters and the optimiser's state.

  touched_V: how many updates a row has in it. log_decay_2: the log of the decay of all updates so
  far, and what its rounding left out; decay_V2: the same when the row was touched.
  """
  (V,) = (p.shape[0] for path, p in jax.tree.leaves_with_path(params) if _row(path))
  return {"touched": jnp.zeros(V, jnp.int32), "decay": jnp.zeros((V, 2)), "log_decay": jnp.zeros(2)}


def narrow(
  state: State, tokens: jax.Array, rate_at: Rate, **adam: float
) -> tuple[State, jax.Array, jax.Array]:
  """(small state, tokens in it, ids_U) of a batch: its own rows, caught up with all others.

  rate_at(step) is the learning rate of an array of steps; adam has b1, b2, epsilon, weight_decay.
  The small state's "rows" are as they will be after the step.
  """
  V = state["rows"]["touched"].shape[0]
  step = state["step"]
  U = min(table_rows(tokens.size), V)
  # Ids beyond the table fill up what the batch leaves free: they read 0 and are not written.
  ids_U, small_tokens = jnp.unique(tokens, return_inverse=True, size=U, fill_value=V)
  own = {}
  for name, table in _rows(state).items():
    own[name] = table.at[ids_U].get(mode="fill", fill_value=0, indices_are_sorted=True)
  own = _caught_up(own, step, state["rows"]["log_decay"], rate_at, **adam)
  log_decay_2 = _add(state["rows"]["log_decay"], jnp.log1p(-rate_at(step) * adam["weight_decay"]))
  own |= {"touched": own["touched"] + 1, "decay": jnp.broadcast_to(log_decay_2, (U, 2))}
  small = _with_rows(state, own)
  small["rows"]["log_decay"] = log_decay_2
  return small, small_tokens.reshape(tokens.shape).astype(tokens.dtype), ids_U


def widen(state: State, small: State, ids_U: jax.Array) -> State:
  """The small state after its step, with all the rows of `state`; donate that, and it is cheap."""
  own = _rows(small)
  whole = {}
  for name, table in _rows(state).items():
    whole[name] = table.at[ids_U].set(own[name], mode="drop", indices_are_sorted=True)
  return _with_rows(small, whole)


def settle(state: State, rate_at: Rate, **adam: float) -> State:
  """The state with every row caught up, as dense AdamW has it; some thousands of rows at a time."""
  rows = _rows(state)
  log_decay_2 = state["rows"]["log_decay"]
  V = rows["touched"].shape[0]
  size = max(n for n in range(1, CHUNK + 1) if V % n == 0)

  def catch_up(own):
    return _caught_up(own, state["step"], log_decay_2, rate_at, **adam)

  def in_chunks(x):
    return x.reshape(-1, size, *x.shape[1:])

  def joined(x):
    return x.reshape(V, *x.shape[2:])

  settled = jax.lax.map(catch_up, jax.tree.map(in_chunks, rows))
  return _with_rows(state, jax.tree.map(joined, settled))


def _caught_up(own, step, log_decay_2, rate_at, *, b1, b2, epsilon, weight_decay, **_):
  """Rows after the updates without gradient that they missed; `own` is as _rows gives it.

  The names are those of the module's docstring.
  """
  then_U1 = own["touched"][:, None]
  missed_U1 = step - then_U1
  decay_U1 = jnp.exp((log_decay_2 - own["decay"]).sum(1, keepdims=True))
  # Momentum fades: after so many missed updates the rest of the motion is below REST.
  j_J = np.arange(1, 1 + math.ceil(math.log(REST) / math.log(b1 / math.sqrt(b2))))
  rate_UJ = jnp.where(j_J <= missed_U1, rate_at(then_U1 + j_J - 1), 0)
  # What one update moves, the later updates decay. No log1p or expm1 here: of two in one fused
  # sum, XLA's CPU compiler (jaxlib 0.10.2) computes one and takes it for both.
  later_decay_UJ = decay_U1 / jnp.cumprod(1 - rate_UJ * weight_decay, axis=1)
  share_UJ = rate_UJ * later_decay_UJ * b1**j_J / (1 - b1**then_U1 * b1**j_J)
  root_UJ = jnp.sqrt((1 - b2**then_U1 * b2**j_J) / b2**j_J)
  shares_U1 = share_UJ.sum(1, keepdims=True)
  moved_U1 = (share_UJ * root_UJ).sum(1, keepdims=True)
  # A row that missed nothing has no shares to take the mean of.
  mean_root_U1 = jnp.where(shares_U1 > 0, moved_U1 / shares_U1, 1)
  motion_UD = moved_U1 * own["mu"] / (jnp.sqrt(own["nu"]) + epsilon * mean_root_U1)
  return {
    "weights": decay_U1 * own["weights"] - motion_UD,
    "mu": own["mu"] * b1**missed_U1,
    "nu": own["nu"] * b2**missed_U1,
    "touched": jnp.full_like(own["touched"], step),
    "decay": jnp.broadcast_to(log_decay_2, own["decay"].shape),
  }


def _add(sum_2, x):
  """A sum in two numbers (Kahan): a million small decays would get lost in one float32."""
  x = x + sum_2[1]
  total = sum_2[0] + x
  return jnp.stack([total, x - (total - sum_2[0])])


def _row(path):
  """The name of a leaf whose axis 0 is the table's: weights, mu, nu, touched or decay; or None."""
  names = [jax.tree_util.keystr((key,), simple=True) for key in path]
  if names[-1] == TABLE:
    # The table stands in the parameters, and in each moment of the optimiser's state.
    for moment in ("mu", "nu"):
      if moment in names:
        return moment
    return "weights"
  if names[-2:] in (["rows", "touched"], ["rows", "decay"]):
    return names[-1]
  return None


def _rows(state):
  """{name of `_row`: leaf} of a state."""
  return {_row(path): x for path, x in jax.tree.leaves_with_path(state) if _row(path)}


def _with_rows(state, rows):
  """`state` with the leaves of `rows` in the places that `_row` names."""
  return jax.tree_util.tree_map_with_path(lambda path, x: rows.get(_row(path), x), state)
