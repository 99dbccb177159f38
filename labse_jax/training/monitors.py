"""Whether the vectors still tell sentences apart: alignment, uniformity, effective rank."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

SAMPLE = 128  # Slots of the batch: the first, which packing has put in no order; eigenvalues cost.
COLLAPSED = 0.99  # The mean cosine of sentences that have nothing to do with each other.


def of_batch(
  vectors: Mapping[str, jax.Array], due: bool | jax.Array = True
) -> dict[str, jax.Array]:
  """Metrics of x_bD and y_bD, and of teacher_bP where there is one; nothing is differentiated.

  `alignment`: the mean squared distance of pairs; `uniformity`: the logarithm of the mean of
  exp(-2 |a - b|^2) over others (Wang and Isola 2020); `similarity_of_others`, their mean
  cosine; `effective_rank`: e to the entropy of the singular values (Roy and Vetterli 2007).
  `teacher_agreement` is the correlation of the cosines of others with the teacher's. All but the
  first are of a sample of at most 128 slots, sources and targets apart, and averaged.
  `effective_rank` is NaN unless `due`, a traced bool: eigenvalues take longer than a small step.
  """
  vectors = jax.lax.stop_gradient(vectors)
  mask_b = vectors["mask_b"]
  count = jnp.maximum(mask_b.sum(), 1)
  distance_b = ((vectors["x_bD"] - vectors["y_bD"]) ** 2).sum(1)
  sides = [
    of_sample(vectors[name][:SAMPLE], mask_b[:SAMPLE], vectors.get("teacher_bP"), due)
    for name in ("x_bD", "y_bD")
  ]
  averages = jax.tree.map(lambda x, y: (x + y) / 2, *sides)
  return averages | {"alignment": jnp.where(mask_b, distance_b, 0).sum() / count}


def warning(metrics: Mapping[str, float], step: int, total: int) -> str | None:
  """A line for the person where the vectors of all sentences have come to lie together, or None.

  Not in the first tenth of a run: fresh weights tell no sentences apart either.
  """
  mean = metrics.get("similarity_of_others", 0)
  if mean <= COLLAPSED or 10 * step < total:
    return None
  return (
    f"step {step}: sentences that are no translations have a mean cosine "
    f"of {mean:.4f}: the vectors collapse; a smaller learning rate, a larger batch or "
    "another temperature may help."
  )


def of_sample(
  z_nD: jax.Array,
  mask_n: jax.Array,
  teacher_nP: jax.Array | None = None,
  due: bool | jax.Array = True,
) -> dict[str, jax.Array]:
  """The metrics of one set of unit vectors."""
  n = len(mask_n)
  z_nD = jnp.where(mask_n[:, None], z_nD, 0)
  s_nn = similarities(z_nD)
  other_nn = mask_n[:, None] & mask_n & ~jnp.eye(n, dtype=bool)
  count = jnp.maximum(other_nn.sum(), 1)

  def mean(a_nn):
    return jnp.where(other_nn, a_nn, 0).sum() / count

  metrics = {
    # |a - b|^2 is 4 at most, so that no mean is below e^-8; without others the sum would be 0.
    "uniformity": jnp.log(jnp.maximum(mean(jnp.exp(4 * s_nn - 4)), jnp.exp(-8.0))),
    "similarity_of_others": mean(s_nn),
    "effective_rank": jax.lax.cond(due, effective_rank, lambda _: jnp.nan, s_nn),
  }
  if teacher_nP is not None:
    # The correlation of two centred sets of similarities.
    a_nn = s_nn - mean(s_nn)
    b_nn = similarities(teacher_nP[:n].astype(jnp.float32))
    b_nn -= mean(b_nn)
    spread = jnp.sqrt(mean(a_nn**2) * mean(b_nn**2))
    metrics["teacher_agreement"] = mean(a_nn * b_nn) / jnp.maximum(spread, 1e-12)
  return metrics


def effective_rank(s_nn: jax.Array) -> jax.Array:
  """e to the entropy of the singular values of vectors that have these products."""
  n = len(s_nn)
  square_n = jnp.linalg.eigvalsh(s_nn)
  # What rounding leaves of a zero would count: the root of it is not small.
  noise = n * jnp.finfo(jnp.float32).eps * square_n.max()
  singular_n = jnp.sqrt(jnp.where(square_n > noise, square_n, 0))
  share_n = singular_n / jnp.maximum(singular_n.sum(), 1e-12)
  entropy = -(share_n * jnp.log(jnp.maximum(share_n, 1e-12))).sum()
  return jnp.exp(entropy)


def similarities(z_nD: jax.Array) -> jax.Array:
  """The products of all pairs in full float32: a TPU's default would leave three digits."""
  return jnp.matmul(z_nD, z_nD.T, precision=jax.lax.Precision.HIGHEST)
