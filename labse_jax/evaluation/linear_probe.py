"""Logistic regression on fixed vectors: what a linear probe finds in them."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax

FOLDS = 10
INNER = 3  # Parts of the other folds, on which the strength is chosen.
STRENGTHS = (1.0, 10.0, 100.0, 1000.0, 10_000.0)  # Of L2, beside a sum over rows of unit variance.
STEPS = 500
TOLERANCE = 3e-5  # Of a slope of the mean loss of a row.
_Probe = tuple[jax.Array, jax.Array]  # Weights [D, C] and biases [C].


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
  # All in one call, which is compiled once: S probes for each of F parts.
  strength_M = np.tile(STRENGTHS, len(fitted_FN))
  found_MN = predictions(x_ND, label_N, fitted_FN.repeat(len(STRENGTHS), 0), strength_M)
  right_FSN = (label_N == found_MN).reshape(len(fitted_FN), len(STRENGTHS), -1)
  count_S = (right_FSN & scored_FN[:, None]).sum((0, 2))
  # The strongest of equals: the simplest model.
  return STRENGTHS[len(STRENGTHS) - 1 - count_S[::-1].argmax()]


def principal_axes(x_ND: np.ndarray) -> np.ndarray:
  """The rows centred, turned to their principal axes and scaled to a mean variance of one.

  This changes nothing that a probe can find, but what a strength means. The turn makes fitting
  fast, as each axis gets a scale of its own. Labels play no part.
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
  weights_MDC, bias_MC = fit(x_ND, target_NC, fitted_MN, strength_M)
  logits_MNC = x_ND @ weights_MDC + bias_MC[:, None]
  return logits_MNC.argmax(2)


def fit(
  x_ND: np.ndarray, target_NC: np.ndarray, fitted_MN: np.ndarray, strength_M: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Fits M softmax regressions with the penalty strength / 2 |weights|^2.

  Returns (weights [M, D, C], biases [M, C]).
  """
  weights_MDC, bias_MC = _fit(x_ND, target_NC, fitted_MN.astype(np.float32), strength_M)
  return np.array(weights_MDC), np.array(bias_MC)


@jax.jit
def _fit(
  x_ND: jax.Array, target_NC: jax.Array, fitted_MN: jax.Array, strength_M: jax.Array
) -> _Probe:
  def one(rows_and_strength: tuple[jax.Array, jax.Array]) -> _Probe:
    fitted_N, strength = rows_and_strength
    # By the root of about its curvature, each axis becomes as steep as any other.
    scale_D1 = jnp.sqrt((x_ND**2).mean(0) / 4 + strength / fitted_N.sum())[:, None]

    def loss(probe: _Probe) -> jax.Array:
      scaled_DC, bias_C = probe
      weights_DC = scaled_DC / scale_D1
      loss_N = optax.softmax_cross_entropy(x_ND @ weights_DC + bias_C, target_NC)
      penalty = strength / 2 * (weights_DC**2).sum()
      return (fitted_N @ loss_N + penalty) / fitted_N.sum()

    width, classes = x_ND.shape[1], target_NC.shape[1]
    scaled_DC, bias_C = _lowest(loss, (jnp.zeros((width, classes)), jnp.zeros(classes)))
    return scaled_DC / scale_D1, bias_C

  # One after another: side by side, each step would take as long as the longest line search.
  return jax.lax.map(one, (fitted_MN, strength_M))


def _lowest(loss: Callable[[_Probe], jax.Array], start: _Probe) -> _Probe:
  """Where a loss is lowest, by L-BFGS: after STEPS, or once no slope is above TOLERANCE."""
  solver = optax.lbfgs()
  value_and_slope = optax.value_and_grad_from_state(loss)

  def step(carry):
    probe, state = carry
    value, slope = value_and_slope(probe, state=state)
    change, state = solver.update(slope, state, probe, value=value, grad=slope, value_fn=loss)
    return optax.apply_updates(probe, change), state

  def unfinished(carry):
    _, state = carry
    steps = optax.tree.get(state, "count")
    steepest = optax.tree.norm(optax.tree.get(state, "grad"), ord=np.inf)
    # Before the first step no slope is known.
    return (steps == 0) | ((steps < STEPS) & (steepest > TOLERANCE))

  probe, _ = jax.lax.while_loop(unfinished, step, (start, solver.init(start)))
  return probe
