"""The gradient step of the encoder by each way of attention, timed."""

import dataclasses
import time

import encoder_step
import jax

from sections.measure import encoder_flops, median_seconds, mfu
from sections.places import SMALL, seconds_left
from sections.results import Results

TOKENS = 256 if SMALL else 32_768
LENGTHS = (128,) if SMALL else (128, 512)
TIMED = 5
LEAST_SECONDS = 30  # To compile and time one more.
SMALL_SHAPE = dict(width=32, depth=2, heads=2, mlp_width=64)
SCAN = dict(remat=True, unroll=False)
UNROLL = dict(remat=False, unroll=True)
NO_DROPOUT = dict(dropout=0.0, attention_dropout=0.0)
SETTINGS = {  # What has not been timed on a device comes first.
  "cudnn, unroll": UNROLL | NO_DROPOUT | dict(attention="cudnn"),
  "xla, unroll": UNROLL | NO_DROPOUT | dict(attention="xla"),
  "cudnn, unroll, dropout": UNROLL | dict(attention="cudnn", attention_dropout=0.0),
  "cudnn, scan, remat": SCAN | NO_DROPOUT | dict(attention="cudnn"),
  "xla, scan, remat": SCAN | NO_DROPOUT | dict(attention="xla"),
  "cpu, unroll": UNROLL | NO_DROPOUT | dict(attention="cpu"),
  "cpu, scan, remat": SCAN | NO_DROPOUT | dict(attention="cpu"),
  "cpu, scan, remat, dropout": SCAN | dict(attention="cpu"),
}


def run(results: Results) -> None:
  for name, setting in SETTINGS.items():
    if setting["attention"] == "cudnn" and jax.default_backend() != "gpu":
      print(f"{name}: cuDNN needs a GPU.")
      continue
    for length in LENGTHS:
      if seconds_left() < LEAST_SECONDS:
        print(f"No time is left for {name}, {length} tokens.")
        return
      with results.attempt(f"{name}, {length} tokens"):
        results.note(f"{name}, {length} tokens", measure(length, setting))


def measure(length: int, setting: dict) -> dict:
  shape = SMALL_SHAPE if SMALL else {}
  options = encoder_step.Options(rows=TOKENS // length, length=length, **shape, **setting)
  traced, mesh = encoder_step.trace(options, jax.devices()[0])
  start = time.monotonic()
  with jax.set_mesh(mesh):
    step = traced.lower().compile()
    compile_seconds = time.monotonic() - start
    arguments = random_arguments(options, mesh)
    seconds = median_seconds(lambda: jax.block_until_ready(step(*arguments)), TIMED)
  flops = 3 * TOKENS * encoder_flops(dataclasses.asdict(options), length)
  return {
    "ms": 1e3 * seconds,
    "mfu": mfu(flops / seconds),
    "temporary_gb": step.memory_analysis().temp_size_in_bytes / 1e9,
    "compile_seconds": compile_seconds,
  }


def random_arguments(options: encoder_step.Options, mesh: jax.sharding.Mesh) -> tuple:
  """Arguments with numbers: each row is full of one sentence of random words."""
  params, ids_BL, _, _, _, weight_BLD = encoder_step.arguments(
    options, encoder_step.parameter_shapes(options), mesh
  )
  keys = iter(jax.random.split(jax.random.key(1), 1_000))

  def normal(x):
    return 0.02 * jax.random.normal(next(keys), x.shape, x.dtype)

  words_BL = jax.random.randint(next(keys), ids_BL.shape, 0, encoder_step.VOCABULARY)
  segments_BL = jax.numpy.ones_like(words_BL)
  positions_BL = jax.numpy.broadcast_to(jax.numpy.arange(options.length), ids_BL.shape)
  numbers = jax.tree.map(normal, params), words_BL, segments_BL, positions_BL, jax.random.key(0)
  arguments = *numbers, normal(weight_BLD)
  shardings = jax.tree.map(lambda x: x.sharding, encoder_step.arguments(options, params, mesh))
  return jax.device_put(arguments, shardings)
