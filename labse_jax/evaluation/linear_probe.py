"""Logistic regression on fixed vectors, many at a time: what a linear probe finds in them."""

import jax
import jax.numpy as jnp
import numpy as np

FOLDS, INNER = 10, 3
STRENGTHS = (1.0, 10.0, 100.0, 1000.0, 10_000.0)  # Of L2, beside a sum over rows of unit variance.
STEPS, TOLERANCE = 500, 1e-4


def stratified_folds(label_N, key):
  """A fold from 0 to FOLDS - 1 for each row, each label dealt out evenly, [N]."""
  shuffled_N = np.random.default_rng(key).permutation(len(label_N))
  order_N = shuffled_N[np.argsort(label_N[shuffled_N], kind="stable")]
  fold_N = np.empty(len(label_N), int)
  fold_N[order_N] = np.arange(len(label_N)) % FOLDS
  return fold_N


def cross_validated(x_ND, label_N, fold_N):
  """The label of each row by a probe fitted without its fold, [N].

  The strength is chosen anew without each fold, on INNER parts of the others.
  """
  x_ND = principal_axes(x_ND)
  predicted_N = np.empty(len(label_N), int)
  for fold in range(FOLDS):
    part_N = ((fold_N - fold) % FOLDS - 1) // INNER  # -1 is the fold itself.
    strength = _best_strength(x_ND, label_N, part_N, range(INNER))
    (found_N,) = predictions(x_ND, label_N, (part_N >= 0)[None], np.array([strength]))
    predicted_N[part_N < 0] = found_N[part_N < 0]
  return predicted_N


def held_out(x_ND, label_N, part_N, fold_N=None):
  """The labels of the rows of part "test" by a probe fitted on "train".

  The strength is chosen on "dev", or by the folds of "train" where `fold_N` is given.
  """
  x_ND, train_N = principal_axes(x_ND), part_N == "train"
  if fold_N is None:
    inner_N, folds = np.select([train_N, part_N == "dev"], [1, 0], -1), [0]
  else:
    inner_N, folds = np.where(train_N, fold_N, -1), range(FOLDS)
  strength = _best_strength(x_ND, label_N, inner_N, folds)
  (found_N,) = predictions(x_ND, label_N, train_N[None], np.array([strength]))
  return found_N[part_N == "test"]


def _best_strength(x_ND, label_N, part_N, parts):
  """The strength that labels most rows of `parts` right, fitted on the other rows from 0 on."""
  fitted_FN = np.array([(part_N >= 0) & (part_N != part) for part in parts])
  strength_M = np.tile(STRENGTHS, len(fitted_FN))
  right_MN = label_N == predictions(x_ND, label_N, fitted_FN.repeat(len(STRENGTHS), 0), strength_M)
  scored_FN = np.array([part_N == part for part in parts])
  right_FSN = right_MN.reshape(len(fitted_FN), len(STRENGTHS), -1) & scored_FN[:, None]
  # The strongest of equals: the simplest model.
  return STRENGTHS[len(STRENGTHS) - 1 - right_FSN.sum((0, 2))[::-1].argmax()]


def principal_axes(x_ND):
  """The rows centred, turned to their principal axes and scaled to a mean variance of one.

  A probe is the same in any of these frames, up to its strength; the turn is what lets a step of
  its own for each axis fit fast. Labels play no part.
  """
  x_ND = np.asarray(x_ND, np.float64) - np.mean(x_ND, 0, dtype=np.float64)
  x_ND = x_ND @ np.linalg.eigh(x_ND.T @ x_ND)[1]
  return (x_ND / max(np.sqrt((x_ND**2).mean()), 1e-12)).astype(np.float32)


def predictions(x_ND, label_N, fitted_MN, strength_M):
  """The labels of all rows by M probes, each fitted on the rows that fitted_MN marks, [M, N]."""
  weights_DMC, bias_MC = fit(
    x_ND, np.eye(label_N.max() + 1, dtype=np.float32)[label_N], fitted_MN, strength_M
  )
  logits_NMC = np.einsum("nd,dmc->nmc", x_ND, weights_DMC, optimize=True) + bias_MC
  return logits_NMC.argmax(2).T


def fit(x_ND, target_NC, fitted_MN, strength_M):
  """(weights [D, M, C], biases [M, C]) of M softmax regressions with strength / 2 |weights|^2.

  The curvature of a row is at most half the identity (Boehning 1992), which bounds a step of each
  principal axis; Nesterov's momentum starts anew where it points uphill (O'Donoghue and Candes
  2015).
  """
  x_ND = np.concatenate([x_ND, np.ones_like(x_ND[:, :1])], 1)
  penalty_DM1 = np.ones((x_ND.shape[1], 1, 1), np.float32) * np.float32(strength_M)[:, None]
  penalty_DM1[-1] = 0
  bound_DM1 = (x_ND**2).sum(0)[:, None, None] / 2 + penalty_DM1 + 1e-6
  weights_DMC = _descend(x_ND, target_NC, np.float32(fitted_MN.T), penalty_DM1, bound_DM1)
  return np.array(weights_DMC[:-1]), np.array(weights_DMC[-1])


@jax.jit
def _descend(x_ND, target_NC, fitted_NM, penalty_DM1, bound_DM1):
  def gradient(weights_DMC):
    share_NMC = jax.nn.softmax(jnp.einsum("nd,dmc->nmc", x_ND, weights_DMC))
    excess_NMC = (share_NMC - target_NC[:, None]) * fitted_NM[..., None]
    return jnp.einsum("nd,nmc->dmc", x_ND, excess_NMC) + penalty_DM1 * weights_DMC

  def step(state):
    weights_DMC, ahead_DMC, age_M, count, _ = state
    gradient_DMC = gradient(ahead_DMC)
    new_DMC = ahead_DMC - gradient_DMC / bound_DM1
    move_DMC = new_DMC - weights_DMC
    uphill_M = (gradient_DMC * move_DMC).sum((0, 2)) > 0
    next_M = (1 + jnp.sqrt(1 + 4 * age_M**2)) / 2
    momentum_M = jnp.where(uphill_M, 0, (age_M - 1) / next_M)
    ahead_DMC = new_DMC + momentum_M[:, None] * move_DMC
    return new_DMC, ahead_DMC, jnp.where(uphill_M, 1, next_M), count + 1, abs(move_DMC).max()

  def unfinished(state):
    return (state[3] < STEPS) & (state[4] > TOLERANCE)

  shape = (*penalty_DM1.shape[:2], target_NC.shape[1])
  start = jnp.zeros(shape), jnp.zeros(shape), jnp.ones(shape[1]), 0, jnp.inf
  return jax.lax.while_loop(unfinished, step, start)[0]
