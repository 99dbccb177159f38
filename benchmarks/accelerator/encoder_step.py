"""One step of the encoder alone, compiled for a device that need not be there.

What block_aot.py compiles and the kit's section `layers` runs: the options, the step, and what is
written of it. A step is the gradient by all parameters, or with --forward the way forward. The word
table is tiny, so that the layers are what is measured.
"""

import argparse
from collections.abc import Callable
import dataclasses
import json
import pathlib
import time
from typing import Any

import jax
import jax.numpy as jnp

from labse_jax.base.errors import InputError
from labse_jax.base.sharding import batch_sharding, make_mesh
from labse_jax.models import attention, bert
from labse_jax.planning import chips
from labse_jax.planning.chips import chip
from labse_jax.planning.compilation import compiler_options, devices_of
from labse_jax.planning.flops import arithmetic, matrix_flops
from labse_jax.planning.hlo.program import Program
from labse_jax.planning.time_limit import time_limit

VOCABULARY = 128


@dataclasses.dataclass(frozen=True)
class Options:
  """The shape of the encoder and of its batch; the defaults are BERT-base's."""

  rows: int
  length: int
  width: int = 768
  depth: int = 12
  heads: int = 12
  mlp_width: int = 3_072
  dropout: float = 0.1
  attention_dropout: float = 0.1
  dtype: str = "bfloat16"
  attention: str = "auto"
  remat: bool = True
  unroll: bool = False
  unstacked: bool = False
  forward: bool = False

  def bert(self) -> bert.Bert:
    return bert.Bert(
      vocab_size=VOCABULARY,
      width=self.width,
      depth=self.depth,
      heads=self.heads,
      mlp_width=self.mlp_width,
      positions=max(512, self.length),
      dropout=self.dropout,
      attention_dropout=self.attention_dropout,
      dtype=self.dtype,
      attention=self.attention,
      remat=self.remat,
      unroll=self.unroll,
    )


def parser(description: str) -> argparse.ArgumentParser:
  """A parser of NAME ROWS LENGTH and the flags that `options_of` reads."""
  made = argparse.ArgumentParser(
    description=description, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  add = made.add_argument
  add("name", help="of the files OUTPUT/NAME.hlo and OUTPUT/NAME.json")
  add("rows", type=int, help="of the batch, on one device")
  add("length", type=int, help="tokens of a row")
  for name in ("width", "depth", "heads", "mlp_width", "dropout", "attention_dropout"):
    default = getattr(Options, name)
    flag = f"--{name.replace('_', '-')}"
    add(flag, type=type(default), default=default, help="(%(default)s)")
  add("--dtype", default=Options.dtype, choices=("float32", "bfloat16"), help="(%(default)s)")
  add("--no-remat", dest="remat", action="store_false", help="keeps activations")
  add("--unroll", action="store_true", help="compiles each layer by itself, not a loop")
  add("--unstacked", action="store_true", help="each layer's weights are arrays of their own")
  add("--forward", action="store_true", help="the way forward alone, without dropout")
  ways = ("auto", *attention.WAYS)
  add("--attention", default=Options.attention, choices=ways, help="(%(default)s)")
  add("--output", type=pathlib.Path, default=pathlib.Path("runs/compiled"), help="(%(default)s)")
  return made


def options_of(args: argparse.Namespace) -> Options:
  """The options that a parsed command line names."""
  names = [field.name for field in dataclasses.fields(Options)]
  return Options(**{name: getattr(args, name) for name in names})


def compile_and_write(args: argparse.Namespace) -> None:
  """Writes the compiled text and what was counted, and prints the latter."""
  record, text = compiled_step(options_of(args), args.topology)
  record = {"name": args.name} | record
  args.output.mkdir(parents=True, exist_ok=True)
  (args.output / f"{args.name}.hlo").write_text(text, "utf-8")
  (args.output / f"{args.name}.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")
  print(json.dumps(record))


def compiled_step(options: Options, topology: str) -> tuple[dict[str, Any], str]:
  """(what was counted in the step that was compiled for one chip, the program's text)."""
  device = devices_of(topology)[0]
  one = chip([device])
  traced, mesh = trace(options, device)
  flops = matrix_flops(traced.jaxpr)
  start = time.monotonic()
  with jax.set_mesh(mesh):
    compiled = traced.lower().compile(compiler_options=compiler_options(topology))
  memory = compiled.memory_analysis()
  text = compiled.as_text()
  record = {
    "device_kind": device.device_kind,
    "options": dataclasses.asdict(options),
    **arithmetic(flops, 1, one.peak if one else None),
    "temporary_gb": memory.temp_size_in_bytes / 1e9,
    "peak_gb": memory.peak_memory_in_bytes / 1e9,
    "compile_seconds": time.monotonic() - start,
    **time_limit(Program(text), one, device.platform, useful_flops(options, mesh)),
  }
  return record, text


def useful_flops(options: Options, mesh: jax.sharding.Mesh) -> int:
  """The matrix arithmetic of a step that computes nothing twice."""
  once = dataclasses.replace(options, remat=False)
  params = parameter_shapes(once)
  with jax.set_mesh(mesh):
    forward_step = jax.make_jaxpr(forward(once))(*arguments(once, params, mesh))
  products = sum(matrix_flops(forward_step).values())
  # On the way back each product has two, one for the gradient of each factor.
  return products if options.forward else 3 * products


def trace(options: Options, device: jax.Device):
  """(the step as JAX traced it, the mesh of the one device)."""
  mesh = make_mesh(devices=[device])
  params = parameter_shapes(options)
  with jax.set_mesh(mesh):
    check_attention(options)
    step = forward(options) if options.forward else gradient(options)
    jitted = jax.jit(step, compiler_options=chips.compiler_options(device))
    return jitted.trace(*arguments(options, params, mesh)), mesh


def check_attention(options: Options) -> None:
  """Raises where the encoder would compute attention in another way than the options name."""
  train = options.dropout > 0 and not options.forward
  way = options.bert().way(options.length, train)
  if options.attention not in (attention.AUTO, way):
    raise InputError(
      f"attention {options.attention}: not with these options on this device, where the encoder "
      f"takes {way}."
    )


def gradient(options: Options) -> Callable:
  """The gradient of a sum of the vectors, each number weighed, so that none is left out."""
  encoder = encoder_of(options)

  def loss(params, tokens_BL, segments_BL, positions_BL, key, weight_BLD):
    x_BLD = encoder.apply(
      {"params": params},
      tokens_BL,
      segments_BL,
      positions_BL,
      train=options.dropout > 0,
      rngs={"dropout": key},
    )
    return jnp.sum(x_BLD * weight_BLD, dtype=jnp.float32)

  return jax.grad(loss)


def forward(options: Options) -> Callable:
  """The vectors; of the arguments of `gradient`, the key and the weights are not used."""
  encoder = encoder_of(options)

  def encode(params, tokens_BL, segments_BL, positions_BL, key, weight_BLD):
    del key, weight_BLD
    return encoder.apply({"params": params}, tokens_BL, segments_BL, positions_BL)

  return encode


def encoder_of(options: Options) -> bert.Bert:
  return options.bert().clone(unstacked=options.unstacked)


def parameter_shapes(options: Options) -> dict:
  def init():
    ids_BL = jnp.zeros((1, 8), jnp.int32)
    params = options.bert().init(jax.random.key(0), ids_BL, ids_BL, ids_BL)["params"]
    return bert.unstack(params, options.dtype) if options.unstacked else params

  return jax.eval_shape(init)


def arguments(options: Options, params: dict, mesh: jax.sharding.Mesh) -> tuple:
  """The shapes of the step's arguments; there are no numbers, for there is no device."""
  whole = jax.NamedSharding(mesh, jax.P())
  split = batch_sharding(mesh)
  key = jax.eval_shape(lambda: jax.random.key(0))
  rows = (options.rows, options.length)
  ids_BL = jax.ShapeDtypeStruct(rows, jnp.int32, sharding=split)
  weight_BLD = jax.ShapeDtypeStruct((*rows, options.width), options.dtype, sharding=split)
  params = jax.tree.map(lambda x: shaped(x, whole), params)
  return params, ids_BL, ids_BL, ids_BL, shaped(key, whole), weight_BLD


def shaped(x: jax.ShapeDtypeStruct, sharding: jax.sharding.Sharding) -> jax.ShapeDtypeStruct:
  return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding)
