"""Logistic regressions against those of scipy in float64."""

import numpy as np
import pytest
from scipy import optimize

from labse_jax.evaluation import linear_probe


def blobs(count, classes, width=6, spread=1.5, seed=0):
  rng = np.random.default_rng(seed)
  label_N = rng.permutation(np.arange(count) % classes)
  x_ND = rng.normal(size=(classes, width))[label_N] + spread * rng.normal(size=(count, width))
  return x_ND * np.linspace(0.2, 2, width) + 3, label_N


def oracle(x_ND, label_N, strength):
  """The logits of all rows by scipy's L-BFGS on the loss as it is written down."""
  classes, (count, width) = label_N.max() + 1, x_ND.shape

  def loss(flat):
    weights_DC, bias_C = flat[:-classes].reshape(width, classes), flat[-classes:]
    logits_NC = x_ND @ weights_DC + bias_C
    share_NC = np.exp(logits_NC - np.logaddexp.reduce(logits_NC, axis=1, keepdims=True))
    excess_NC = share_NC - np.eye(classes)[label_N]
    gradient = [(x_ND.T @ excess_NC + strength * weights_DC).ravel(), excess_NC.sum(0)]
    value = (
      -np.log(share_NC[np.arange(count), label_N]).sum() + strength / 2 * (weights_DC**2).sum()
    )
    return value, np.concatenate(gradient)

  start = np.zeros((width + 1) * classes)
  found = optimize.minimize(loss, start, jac=True, tol=1e-12, options={"maxiter": 5000}).x
  return found[:-classes].reshape(width, classes), found[-classes:]


@pytest.mark.parametrize("classes", [2, 4])
def test_fits_are_those_of_scipy_whatever_rows_and_strengths(classes):
  x_ND, label_N = blobs(150, classes)
  x_ND = linear_probe.principal_axes(x_ND)
  fitted_MN = np.random.default_rng(1).random((3, 150)) < 0.7
  strengths = np.array([1, 10, 1000.0])
  weights_MDC, bias_MC = linear_probe.fit(
    x_ND, np.eye(classes, dtype=np.float32)[label_N], fitted_MN, strengths
  )
  for m, (fitted_N, strength) in enumerate(zip(fitted_MN, strengths, strict=True)):
    weights_DC, bias_C = oracle(x_ND[fitted_N].astype(float), label_N[fitted_N], strength)
    np.testing.assert_allclose(weights_MDC[m], weights_DC, atol=4e-3)

    def center(value_C):
      return value_C - value_C.mean()

    np.testing.assert_allclose(center(bias_MC[m]), center(bias_C), atol=4e-3)


def test_principal_axes_keep_angles_and_know_no_scale():
  x_ND, _ = blobs(50, 2)
  turned_ND = linear_probe.principal_axes(x_ND)
  np.testing.assert_allclose((turned_ND**2).mean(), 1, rtol=1e-5)
  covariance = turned_ND.T @ turned_ND
  np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-3)
  gram, centred_ND = turned_ND @ turned_ND.T, x_ND - x_ND.mean(0)
  expected = centred_ND @ centred_ND.T / (centred_ND**2).mean()
  np.testing.assert_allclose(gram, expected, atol=1e-3)
  np.testing.assert_allclose(
    abs(linear_probe.principal_axes(100 * x_ND + 7)), abs(turned_ND), atol=1e-3
  )
  assert not linear_probe.principal_axes(np.ones((4, 3))).any()  # As of a collapsed model.


def test_folds_deal_out_each_label_evenly():
  label_N = np.array([0] * 57 + [1] * 23)
  fold_N = linear_probe.stratified_folds(label_N, 1)
  for label, low in ((0, 5), (1, 2)):
    counts = np.bincount(fold_N[label_N == label], minlength=linear_probe.FOLDS)
    assert low <= counts.min() and counts.max() <= low + 1
  assert (fold_N == linear_probe.stratified_folds(label_N, 1)).all()
  assert (fold_N != linear_probe.stratified_folds(label_N, 2)).any()


def best_strength(x_ND, label_N, part_N):
  """By scipy, each part left out in its turn."""
  right = []
  for strength in linear_probe.STRENGTHS:
    right.append(0)
    for part in set(part_N[part_N >= 0]):
      fitted_N, scored_N = (part_N >= 0) & (part_N != part), part_N == part
      weights_DC, bias_C = oracle(x_ND[fitted_N], label_N[fitted_N], strength)
      found_N = (x_ND[scored_N] @ weights_DC + bias_C).argmax(1)
      right[-1] += (found_N == label_N[scored_N]).sum()
  return max(zip(right, linear_probe.STRENGTHS, strict=True))[1]


@pytest.mark.heavy
def test_cross_validation_never_sees_the_fold_that_it_labels():
  x_ND, label_N = blobs(120, 2, spread=2)
  fold_N = linear_probe.stratified_folds(label_N, 0)
  turned_ND = linear_probe.principal_axes(x_ND).astype(float)
  expected_N = np.empty(120, int)
  for fold in range(10):
    # The nine others, from the next on, in three parts of three.
    part_N = np.select(
      [fold_N == (fold + 1 + place) % 10 for place in range(9)], [0, 0, 0, 1, 1, 1, 2, 2, 2], -1
    )
    strength = best_strength(turned_ND, label_N, part_N)
    weights_DC, bias_C = oracle(turned_ND[part_N >= 0], label_N[part_N >= 0], strength)
    expected_N[part_N < 0] = (turned_ND[part_N < 0] @ weights_DC + bias_C).argmax(1)
  found_N = linear_probe.cross_validated(x_ND, label_N, fold_N)
  assert (found_N == expected_N).mean() > 0.98 and 0.6 < (found_N == label_N).mean() < 0.95


@pytest.mark.heavy
@pytest.mark.parametrize("dev", [True, False])
def test_the_test_set_is_labelled_by_the_training_set(dev):
  x_ND, label_N = blobs(150, 3, spread=2)
  part_N = np.repeat(["train", "dev", "test"] if dev else ["train", "train", "test"], 50)
  fold_N = None if dev else linear_probe.stratified_folds(label_N, 0)
  turned_ND, train_N = linear_probe.principal_axes(x_ND).astype(float), part_N == "train"
  if dev:  # Only the dev set is scored, only the training set fitted.
    right = []
    for strength in linear_probe.STRENGTHS:
      weights_DC, bias_C = oracle(turned_ND[:50], label_N[:50], strength)
      right.append(((turned_ND[50:100] @ weights_DC + bias_C).argmax(1) == label_N[50:100]).sum())
    strength = max(zip(right, linear_probe.STRENGTHS, strict=True))[1]
  else:
    strength = best_strength(turned_ND, label_N, np.where(train_N, fold_N, -1))
  weights_DC, bias_C = oracle(turned_ND[train_N], label_N[train_N], strength)
  expected_N = (turned_ND[100:] @ weights_DC + bias_C).argmax(1)
  found_N = linear_probe.held_out(x_ND, label_N, part_N, fold_N)
  assert found_N.shape == (50,) and (found_N == expected_N).mean() > 0.97
