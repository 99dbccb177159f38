import jax
import jax.numpy as jnp

from labse_jax.base.sharding import make_mesh
from labse_jax.planning.chips import TPUS
from labse_jax.training.speed.arithmetic import peak_of, say_parameters, useful_flops


class Linear:
  """A task whose loss is one product of [4, 8] and [8, 2]."""

  def batch_shapes(self):
    return {"x": jax.ShapeDtypeStruct((4, 8), jnp.float32)}

  def loss_fn(self, params, batch, key):
    return jnp.sum(batch["x"] @ params["w"]), {}


def test_the_way_back_has_two_products_for_each():
  params = {"w": jax.ShapeDtypeStruct((8, 2), jnp.float32)}
  assert useful_flops(Linear(), params, make_mesh()) == 3 * 2 * 4 * 8 * 2


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
