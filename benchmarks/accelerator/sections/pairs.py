"""The contrastive loss and its gradient alone, for batches of up to 262,144 pairs."""

import jax
import jax.numpy as jnp

from labse_jax.base.sharding import BATCH, make_mesh
from labse_jax.losses.margin_softmax import margin_softmax
from labse_jax.losses.shared.exchange import Spread
from sections.measure import median_seconds, peak_gigabytes
from sections.places import SMALL
from sections.results import Results

COUNTS = (512,) if SMALL else (16_384, 65_536, 131_072, 262_144)
MANY = 100_000  # From here on one timed call has to do.
WIDTH = 768


def run(results: Results) -> None:
  for count in COUNTS:
    with results.attempt(str(count)):
      measure(results, count)
    if results.failures:  # What follows is larger still.
      return


def measure(results: Results, count: int) -> None:
  mesh = make_mesh()
  gradient = gradient_of_loss(mesh)
  with jax.set_mesh(mesh):
    arguments = random_pairs(count)
    repeats = 1 if count > MANY else 3
    seconds = median_seconds(lambda: jax.block_until_ready(gradient(*arguments)), repeats)
  # Four products: the similarities, the same again on the way back, and each side's gradient.
  flops = 8 * count * count * WIDTH
  noted = {"seconds": seconds, "tflops": flops / seconds / 1e12, "peak_gb": peak_gigabytes()}
  results.note(str(count), noted)


def gradient_of_loss(mesh: jax.sharding.Mesh):
  """The compiled gradient of margin_softmax by both sides' vectors."""

  def local(x_bD, y_bD, ids_b2, mask_b):
    loss, _ = margin_softmax(
      x_bD, y_bD, ids_b2, mask_b, scale=20.0, margin=0.3, spread=Spread(BATCH)
    )
    return loss

  whole = jax.shard_map(local, mesh=mesh, in_specs=(jax.P(BATCH),) * 4, out_specs=jax.P())
  return jax.jit(jax.grad(whole, argnums=(0, 1)))


def random_pairs(count: int) -> tuple[jax.Array, ...]:
  """Vectors of about length 1, no two texts alike, and every slot filled."""
  x_BD = jax.random.normal(jax.random.key(0), (count, WIDTH)) / WIDTH**0.5
  y_BD = jax.random.normal(jax.random.key(1), (count, WIDTH)) / WIDTH**0.5
  ids_B2 = jnp.arange(2 * count, dtype=jnp.uint32).reshape(count, 2)
  return x_BD, y_BD, ids_B2, jnp.ones(count, bool)
