"""Soft labels against their equations, and their limits: hard labels, and Priority of Average."""

import jax
import numpy as np
import pytest

from labse_jax.losses.hard_contrastive import hard_contrastive
from labse_jax.losses.soft_contrastive import soft_contrastive
from tests.support import loss_oracles as oracles

OPTIONS = {"temperature": 0.1, "teacher_temperature": 0.2}


@pytest.mark.heavy
@pytest.mark.parametrize("where", oracles.WHERE)
def test_value_and_gradient_equal_the_oracle(where):
  oracles.check(soft_contrastive, oracles.soft_contrastive, where, "teacher_bP", **OPTIONS)


@pytest.mark.heavy
@pytest.mark.parametrize("kind", ["plain", "duplicates"])
def test_a_cold_teacher_gives_hard_labels(kind):
  arguments, where = oracles.inputs(kind, "teacher_bP"), oracles.WHERE[3]
  options = {"temperature": 0.1, "teacher_temperature": 1e-4}
  got = oracles.ours(soft_contrastive, arguments, where=where, **options)
  del arguments["teacher_bP"]
  wanted = oracles.ours(hard_contrastive, arguments, where=where, temperature=0.1)
  oracles.close((got[0][0], got[1]), (wanted[0][0], wanted[1]))


def test_average_of_two_equal_teachers_is_priority():
  arguments = oracles.inputs("duplicates", "teacher_bP")
  priority = oracles.ours(soft_contrastive, arguments, **OPTIONS)
  teacher = np.float32(arguments["teacher_bP"])
  arguments["teacher_bP"] = np.concatenate([teacher, teacher], 1) / np.sqrt(np.float32(2))
  average = oracles.ours(soft_contrastive, arguments, **OPTIONS)
  oracles.close((average[0][0], average[1]), (priority[0][0], priority[1]))


def test_average_is_the_mean_of_the_similarities_of_both_sides():
  arguments = oracles.inputs("duplicates", "teacher_bP")
  one, two = (oracles.unit(a) for a in np.random.default_rng(1).normal(size=(2, oracles.B, 4)))
  arguments["teacher_bP"] = np.concatenate([one, two], 1) / np.sqrt(np.float32(2))
  (value, _), _ = oracles.ours(soft_contrastive, arguments, **OPTIONS)
  both = oracles.allowed(arguments["ids_b2"])
  labels = oracles.softmax((one @ one.T + two @ two.T) / 2 / 0.2, both)
  s = np.float64(arguments["x_bD"] @ arguments["y_bD"].T) / 0.1
  wanted = sum(oracles.cross_entropy(a, labels, both) for a in (s, s.T))
  np.testing.assert_allclose(value, wanted, rtol=1e-5)


def test_the_loss_of_the_teachers_own_vectors_is_the_entropy_of_its_labels():
  """Cross entropy is least where the student's similarities are the teacher's."""
  arguments = oracles.inputs("plain", "teacher_bP")
  teacher = np.float32(arguments["teacher_bP"])
  same = arguments | {"x_bD": teacher, "y_bD": teacher}
  same_temperature = {"temperature": 0.2, "teacher_temperature": 0.2}
  (value, _), gradients = oracles.ours(soft_contrastive, same, **same_temperature)
  t = np.float64(teacher)
  labels = oracles.softmax(t @ t.T / 0.2, oracles.allowed(same["ids_b2"]))
  np.testing.assert_allclose(value, -2 * (labels * np.log(labels)).sum() / len(t), rtol=1e-5)
  assert max(np.abs(g).max() for g in jax.tree.leaves(gradients)) < 1e-6


def test_the_teacher_has_no_gradient():
  arguments = oracles.inputs("plain", "teacher_bP")
  arguments["teacher_bP"] = np.float32(arguments["teacher_bP"])

  def value(teacher_bP):
    return oracles.ours(soft_contrastive, arguments | {"teacher_bP": teacher_bP}, **OPTIONS)[0][0]

  assert not np.any(jax.grad(value)(arguments["teacher_bP"]))
