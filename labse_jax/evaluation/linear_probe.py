"""Logistic regression on fixed vectors, many at a time: what a linear probe finds in them."""

from collections.abc import Sequence
import typing

import jax
import jax.numpy as jnp
import numpy as np

FOLDS = 10
INNER = 3  # Parts of the other folds, on which the strength is chosen.
STRENGTHS = (1.0, 10.0, 100.0, 1000.0, 10_000.0)  # Of L2, beside a sum over rows of unit variance.
STEPS = 500
TOLERANCE = 1e-4


def stratified_folds(label_N: np.ndarray, key: int) -> np.ndarray:
  """The fold of each row, from 0 to FOLDS - 1, with each label dealt out evenly, [N]."""
  shuffled_N = np.random.default_rng(key).permutation(len(label_N))
  order_N = shuffled_N[np.argsort(label_N[shuffled_N], kind="stable")]
  fold_N = np.empty(len(label_N), int)
  fold_N[order_N] = np.arange(len(label_N)) % FOLDS
  return fold_N


def cross_validated(x_ND: np.ndarray, label_N: np.ndarray, fold_N: np.ndarray) -> np.ndarray:
  """The label of each row by a probe fitted without its fold, [N].

  The strength is chosen anew without each fold, on INNER parts of the others.
  """
  x_ND = principal_axes(x_ND)
  predicted_N = np.empty(len(label_N), int)
  for fold in range(FOLDS):
    # The other folds in INNER parts, from the next fold on; -1 is the fold itself.
    part_N = ((fold_N - fold) % FOLDS - 1) // INNER
    strength = _best_strength(x_ND, label_N, part_N, range(INNER))
    (found_N,) = predictions(x_ND, label_N, (part_N >= 0)[None], np.array([strength]))
    predicted_N[part_N < 0] = found_N[part_N < 0]
  return predicted_N


def held_out(
  x_ND: np.ndarray, label_N: np.ndarray, part_N: np.ndarray, fold_N: np.ndarray | None = None
) -> np.ndarray:
  """The labels of the rows of part "test" by a probe fitted on "train".

  The strength is chosen on "dev", or by the folds of "train" where `fold_N` is given.
  """
  x_ND = principal_axes(x_ND)
  train_N = part_N == "train"
  if fold_N is None:
    # Part 0 scores the strengths and part 1 fits them; -1 is neither.
    inner_N = np.select([train_N, part_N == "dev"], [1, 0], -1)
    scored_parts: Sequence[int] = [0]
  else:
    inner_N = np.where(train_N, fold_N, -1)
    scored_parts = range(FOLDS)
  strength = _best_strength(x_ND, label_N, inner_N, scored_parts)
  (found_N,) = predictions(x_ND, label_N, train_N[None], np.array([strength]))
  return found_N[part_N == "test"]


def _best_strength(
  x_ND: np.ndarray, label_N: np.ndarray, part_N: np.ndarray, scored_parts: Sequence[int]
) -> float:
  """The strength with which most rows of `scored_parts` get their right label.

  Each part is labelled by a probe fitted on all other parts from 0 on.
  """
  scored_FN = part_N == np.array(scored_parts)[:, None]
  fitted_FN = (part_N >= 0) & ~scored_FN
  # All strengths of all parts at once: S probes beside each other for each of F parts.
  strength_M = np.tile(STRENGTHS, len(fitted_FN))
  found_MN = predictions(x_ND, label_N, fitted_FN.repeat(len(STRENGTHS), 0), strength_M)
  right_FSN = (label_N == found_MN).reshape(len(fitted_FN), len(STRENGTHS), -1)
  count_S = (right_FSN & scored_FN[:, None]).sum((0, 2))
  # The strongest of equals: the simplest model.
  return STRENGTHS[len(STRENGTHS) - 1 - count_S[::-1].argmax()]


def principal_axes(x_ND: np.ndarray) -> np.ndarray:
  """The rows centred, turned to their principal axes and scaled to a mean variance of one.

  This changes nothing that a probe can find, but what a strength means. The turn makes fitting
  fast, as each axis can have a step of its own. Labels play no part.
  """
  x_ND = np.asarray(x_ND, np.float64) - np.mean(x_ND, 0, dtype=np.float64)
  _, axes_DD = np.linalg.eigh(x_ND.T @ x_ND)
  x_ND = x_ND @ axes_DD
  return (x_ND / max(np.sqrt((x_ND**2).mean()), 1e-12)).astype(np.float32)


def predictions(
  x_ND: np.ndarray, label_N: np.ndarray, fitted_MN: np.ndarray, strength_M: np.ndarray
) -> np.ndarray:
  """The labels of all rows by M probes, each fitted on the rows that fitted_MN marks, [M, N]."""
  target_NC = np.eye(label_N.max() + 1, dtype=np.float32)[label_N]
  weights_DMC, bias_MC = fit(x_ND, target_NC, fitted_MN, strength_M)
  logits_NMC = np.einsum("nd,dmc->nmc", x_ND, weights_DMC, optimize=True) + bias_MC
  return logits_NMC.argmax(2).T


def fit(
  x_ND: np.ndarray, target_NC: np.ndarray, fitted_MN: np.ndarray, strength_M: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Fits M softmax regressions with the penalty strength / 2 |weights|^2.

  Returns (weights [D, M, C], biases [M, C]).

  The curvature of a row is at most half the identity (Boehning 1992), which bounds a step of each
  principal axis. Nesterov's momentum starts anew where it points uphill (O'Donoghue and Candes
  2015).
  """
  # The bias is the weight of a last column of ones, and carries no penalty.
  x_ND = np.concatenate([x_ND, np.ones_like(x_ND[:, :1])], 1)
  strength_M1 = np.asarray(strength_M, np.float32)[:, None]
  penalty_DM1 = np.ones((x_ND.shape[1], 1, 1), np.float32) * strength_M1
  penalty_DM1[-1] = 0
  bound_DM1 = (x_ND**2).sum(0)[:, None, None] / 2 + penalty_DM1 + 1e-6
  weights_DMC = _descend(x_ND, target_NC, np.float32(fitted_MN.T), penalty_DM1, bound_DM1)
  return np.array(weights_DMC[:-1]), np.array(weights_DMC[-1])


class _State(typing.NamedTuple):
  """A step of Nesterov's method: where it is, where it looks, and how long momentum has grown."""

  weights_DMC: jax.Array
  ahead_DMC: jax.Array
  age_M: jax.Array
  steps: jax.Array | int
  largest_move: jax.Array | float


@jax.jit
def _descend(x_ND, target_NC, fitted_NM, penalty_DM1, bound_DM1):
  """The weights of M regressions, [D, M, C], after STEPS or once no weight moves by TOLERANCE."""

  def gradient(weights_DMC):
    share_NMC = jax.nn.softmax(jnp.einsum("nd,dmc->nmc", x_ND, weights_DMC))
    excess_NMC = (share_NMC - target_NC[:, None]) * fitted_NM[..., None]
    return jnp.einsum("nd,nmc->dmc", x_ND, excess_NMC) + penalty_DM1 * weights_DMC

  def step(state):
    gradient_DMC = gradient(state.ahead_DMC)
    new_DMC = state.ahead_DMC - gradient_DMC / bound_DM1
    move_DMC = new_DMC - state.weights_DMC
    # A probe that would climb loses its momentum; the others keep theirs.
    uphill_M = (gradient_DMC * move_DMC).sum((0, 2)) > 0
    next_M = (1 + jnp.sqrt(1 + 4 * state.age_M**2)) / 2
    momentum_M = jnp.where(uphill_M, 0, (state.age_M - 1) / next_M)
    return _State(
      weights_DMC=new_DMC,
      ahead_DMC=new_DMC + momentum_M[:, None] * move_DMC,
      age_M=jnp.where(uphill_M, 1, next_M),
      steps=state.steps + 1,
      largest_move=abs(move_DMC).max(),
    )

  def unfinished(state):
    return (state.steps < STEPS) & (state.largest_move > TOLERANCE)

  shape = (*penalty_DM1.shape[:2], target_NC.shape[1])
  start = _State(
    weights_DMC=jnp.zeros(shape),
    ahead_DMC=jnp.zeros(shape),
    age_M=jnp.ones(shape[1]),
    steps=0,
    largest_move=jnp.inf,
  )
  return jax.lax.while_loop(unfinished, step, start).weights_DMC
