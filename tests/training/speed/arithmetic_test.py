import jax
import jax.numpy as jnp

from labse_jax.base.sharding import make_mesh
from labse_jax.planning.chips import TPUS
from labse_jax.training.speed.arithmetic import peak_of, say_parameters, useful_flops


class Linear:
  """A loss of a product of [4, 8] and [8, 2], and of another one that trains nothing."""

  def batch_shapes(self):
    return {"x": jax.ShapeDtypeStruct((4, 8), jnp.float32)}

  def loss_fn(self, params, batch, key):
    return jnp.sum(batch["x"] @ params["w"]) + self.without_gradient(params, batch), {}

  def without_gradient(self, params, batch):
    return jnp.sum(batch["x"] @ jax.lax.stop_gradient(params["teacher"]))


def test_the_way_back_has_two_products_for_each_but_not_for_a_teacher():
  shapes = {"w": (8, 2), "teacher": (8, 5)}
  params = {name: jax.ShapeDtypeStruct(shape, jnp.float32) for name, shape in shapes.items()}
  assert useful_flops(Linear(), params, make_mesh()) == 3 * 2 * 4 * 8 * 2 + 2 * 4 * 8 * 5


def test_the_peak_of_all_devices():
  device = jax.sharding.AbstractDevice("TPU v4", None, "tpu")
  assert peak_of([device] * 8) == 8 * TPUS["TPU v4"].peak
  assert peak_of(jax.devices()) is None


def test_the_parts_of_a_model_are_said(capsys):
  params = {
    "bert": {"word_embedding": jnp.zeros((300, 4)), "blocks": {"up": jnp.zeros((2, 50))}},
    "dense": {"kernel": jnp.zeros((4, 2))},
  }
  say_parameters(params)
  said = "1,308 parameters: blocks 100, dense 8, word_embedding 1,200."
  assert said in capsys.readouterr().out
