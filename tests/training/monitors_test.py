"""The monitors against NumPy in float64: random vectors, real duplicates of them, and collapse."""

import jax
import numpy as np
import pytest

from labse_jax.training import monitors

N, D = 40, 6


def unit(z):
  return z / np.linalg.norm(z, axis=-1, keepdims=True)


def vectors(seed=0):
  rng = np.random.default_rng(seed)
  x, y, teacher = (unit(rng.normal(size=(N, width))) for width in (D, D, 4))
  return {
    "x_bD": np.float32(x),
    "y_bD": np.float32(unit(x + y)),
    "mask_b": rng.random(N) < 0.8,
    "teacher_bP": np.float16(teacher),
  }


def oracle(arguments):
  mask = arguments["mask_b"]
  x, y, teacher = (np.float64(arguments[name][mask]) for name in ("x_bD", "y_bD", "teacher_bP"))
  wanted = {"alignment": (np.linalg.norm(x - y, axis=1) ** 2).mean()}
  others = ~np.eye(len(x), dtype=bool)
  sides = []
  for z in (x, y):
    distance = np.linalg.norm(z[:, None] - z[None], axis=-1)[others]
    singular = np.linalg.svd(z, compute_uv=False)
    p = singular[singular > 1e-6] / singular.sum()
    similarity = (z @ z.T)[others]
    sides.append(
      {
        "uniformity": np.log(np.exp(-2 * distance**2).mean()),
        "similarity_of_others": similarity.mean(),
        "effective_rank": np.exp(-(p * np.log(p)).sum()),
        "teacher_agreement": np.corrcoef(similarity, (teacher @ teacher.T)[others])[0, 1],
      }
    )
  return wanted | {name: (sides[0][name] + sides[1][name]) / 2 for name in sides[0]}


@pytest.mark.parametrize("empty", [False, True])
def test_the_metrics_equal_numpy(empty):
  arguments = vectors()
  if not empty:
    arguments["mask_b"][:] = True
  got, wanted = jax.jit(monitors.of_batch)(arguments), oracle(arguments)
  assert got.keys() == wanted.keys()
  for name, value in wanted.items():
    np.testing.assert_allclose(got[name], value, rtol=1e-3, err_msg=name)


@pytest.mark.heavy
def test_the_sample_is_the_first_slots(monkeypatch):
  monkeypatch.setattr(monitors, "SAMPLE", 16)
  arguments = vectors()
  got, wanted = monitors.of_batch(arguments), oracle({n: a[:16] for n, a in arguments.items()})
  np.testing.assert_allclose(got["uniformity"], wanted["uniformity"], rtol=1e-3)
  np.testing.assert_allclose(got["alignment"], oracle(arguments)["alignment"], rtol=1e-3)


@pytest.mark.heavy
def test_collapsed_vectors_have_rank_one_and_similarity_one():
  arguments = vectors()
  one = np.repeat(arguments["x_bD"][:1], N, 0)
  got = monitors.of_batch(arguments | {"x_bD": one, "y_bD": one})
  np.testing.assert_allclose(got["similarity_of_others"], 1, rtol=1e-5)
  assert got["similarity_of_others"] > monitors.COLLAPSED
  np.testing.assert_allclose(got["effective_rank"], 1, rtol=1e-3)
  np.testing.assert_allclose([got["uniformity"], got["alignment"]], 0, atol=1e-5)
  assert abs(got["teacher_agreement"]) <= 1


@pytest.mark.heavy
def test_orthogonal_vectors_have_full_rank():
  z = np.float32(np.eye(D)[np.arange(N) % D])
  got = monitors.of_batch({"x_bD": z, "y_bD": z, "mask_b": np.ones(N, bool)})
  np.testing.assert_allclose(got["effective_rank"], D, rtol=1e-3)
  assert "teacher_agreement" not in got


@pytest.mark.parametrize("pairs", [0, 1])
def test_of_fewer_than_two_pairs_every_metric_is_a_number(pairs):
  arguments = vectors()
  arguments["mask_b"] = np.arange(N) < pairs
  got = monitors.of_batch(arguments)
  assert all(np.isfinite(value) for value in got.values()), got


def test_nothing_is_differentiated():
  arguments = vectors()

  def total(x_bD):
    return sum(monitors.of_batch(arguments | {"x_bD": x_bD}).values())

  assert not np.any(jax.grad(total)(arguments["x_bD"]))


@pytest.mark.parametrize(
  ("mean", "step", "said"), [(0.995, 50, True), (0.995, 5, False), (0.9, 50, False)]
)
def test_a_collapse_is_said_but_not_at_the_start(mean, step, said):
  line = monitors.warning({"similarity_of_others": mean}, step, 100)
  assert bool(line) == said
  assert not said or "step 50: sentences that are no translations have a mean cosine" in line


def test_without_the_metric_nothing_is_said():
  assert monitors.warning({"loss": 1.0}, 50, 100) is None
