"""How far bfloat16's losses and gradients are from float64's, by each way of attention.

  python -m benchmarks.rounding --model FOLDER --text FILE.eng FILE.deu \\
      --output results/accelerator/rounding.json

The texts are line by line each other's translations. A batch has ROWS of them, two rows a pair; its
loss is the softmax of pairs over mean vectors. "cpu" is what a CPU computes, with results of
products in float32; "xla" and "splash" are what accelerators compute. Errors are relative, root
mean squares over the batches. The factors of similarities are bfloat16 on accelerators, too.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
import functools
import pathlib
import sys
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from labse_jax import model_folder
from labse_jax.base.errors import InputError, run
from labse_jax.base.files import read_lines, write_json
from labse_jax.base.machine import hardware
from labse_jax.models import attention
from labse_jax.models.bert import Bert
from labse_jax.models.products import product
from labse_jax.tokenizer.tokenizer import Tokenizer
from tests.support import bert_in_float64

ROWS = 32
LENGTH = 128
BATCHES = 8
SCALE = 20.0
WAYS = ("cpu", "xla")


class Batch(NamedTuple):
  """Packed rows; the first half are the sources, the second half their translations in order."""

  tokens_BL: np.ndarray
  segments_BL: np.ndarray  # Vectors are means of segment 1.
  positions_BL: np.ndarray


class Errors(NamedTuple):
  """Relative errors, root mean squares over batches."""

  loss: float
  gradient: float


def main(argv: Sequence[str]) -> None:
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--model", required=True, type=pathlib.Path, help="of BERT's architecture")
  parser.add_argument("--text", required=True, nargs=2, type=pathlib.Path)
  parser.add_argument("--output", required=True, type=pathlib.Path)
  parser.add_argument(
    "--ways", nargs="+", choices=attention.WAYS, default=WAYS, help="(%(default)s)"
  )
  args = parser.parse_args(argv)
  content = model_folder.read(args.model)
  fields = dict(content.model, dropout=0.0, attention_dropout=0.0)
  if fields.get("position_offset") or fields.get("relative_buckets") or not fields["types"]:
    raise InputError(f"{args.model}: is not of BERT's own architecture.")
  batches = list(read_batches(Tokenizer(content.tokenizer_file), args.text))
  found = errors(fields, content.params["bert"], batches, args.ways)
  result = {
    "model": args.model.name,
    "text": [path.name for path in args.text],
    "batches": len(batches),
    "rows": ROWS,
    "length": LENGTH,
    "hardware": hardware(),
    "versions": {"python": sys.version.split()[0], "jax": jax.__version__},
    "relative_errors": {way: one._asdict() for way, one in found.items()},
  }
  write_json(args.output, result)
  print(result["relative_errors"])


def errors(
  fields: Mapping[str, Any],
  params: Mapping[str, Any],
  batches: Sequence[Batch],
  ways: Sequence[str],
) -> dict[str, Errors]:
  """The errors of a `bert.Bert` of these fields in bfloat16, by each way."""
  exact = functools.partial(
    bert_in_float64.encode, heads=fields["heads"], epsilon=fields["epsilon"]
  )
  with jax.enable_x64(True):
    wanted = list(losses_and_gradients(exact, "float32", params, batches, jnp.float64))
  found = {}
  for way in ways:
    module = Bert(**fields, dtype="bfloat16", attention=way)
    if module.way(batches[0].tokens_BL.shape[1], train=True) != way:
      raise InputError(f"{way}: is no way of attention for such a model.")
    given = losses_and_gradients(
      lambda params, *batch: module.apply({"params": params}, *batch),  # noqa: B023
      "bfloat16" if attention.rounds(way) else "float32",
      params,
      batches,
      jnp.float32,
    )
    squares = [
      ((loss / loss64 - 1) ** 2, np.sum((of - of64) ** 2) / np.sum(of64**2))
      for (loss, of), (loss64, of64) in zip(given, wanted, strict=True)
    ]
    found[way] = Errors(*(float(x) for x in np.sqrt(np.mean(squares, axis=0))))
  return found


def losses_and_gradients(
  encode: Callable[..., jax.Array],
  similarities: str,
  params: Mapping[str, Any],
  batches: Sequence[Batch],
  dtype: jnp.dtype,
) -> Iterator[tuple[float, np.ndarray]]:
  """(loss, the gradients of all parameters in one float64 vector) of each batch.

  `similarities` is the dtype of their factors; "float32" leaves those as they are.
  """

  def loss(params, batch):
    return loss_of(encode(params, *batch).astype(dtype), batch.segments_BL, similarities)

  params = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), params)
  step = jax.jit(jax.value_and_grad(loss))
  for batch in batches:
    value, gradients = step(params, batch)
    flat = [np.float64(leaf).ravel() for leaf in jax.tree.leaves(gradients)]
    yield float(value), np.concatenate(flat)


def loss_of(x_BLD: jax.Array, segments_BL: jax.Array, similarities: str) -> jax.Array:
  """The mean softmax loss of both directions."""
  seen_BL = segments_BL == 1
  z_BD = jnp.sum(x_BLD * seen_BL[..., None], 1) / seen_BL.sum(1)[:, None]
  z_BD = z_BD / jnp.linalg.norm(z_BD, axis=-1, keepdims=True)
  x_bD, y_bD = jnp.split(z_BD, 2)
  s_bb = product("ad,bd->ab", SCALE * x_bD, y_bD, similarities)
  right_b = jnp.diagonal(s_bb)
  forth = jax.nn.logsumexp(s_bb, axis=1) - right_b
  back = jax.nn.logsumexp(s_bb, axis=0) - right_b
  return (forth + back).mean()


def read_batches(tokenizer: Tokenizer, paths: Sequence[pathlib.Path]) -> Iterator[Batch]:
  """The first BATCHES of two files of translations."""
  sides = [[line for _, line in read_lines(path)] for path in paths]
  half = ROWS // 2
  if min(map(len, sides)) < BATCHES * half:
    raise InputError(f"{paths[0]}: fewer than {BATCHES * half} lines.")
  positions_BL = np.tile(np.arange(LENGTH, dtype=np.int32), (ROWS, 1))
  for start in range(0, BATCHES * half, half):
    texts = [text for side in sides for text in side[start : start + half]]
    tokens_BL = np.zeros((ROWS, LENGTH), np.int32)
    segments_BL = np.zeros((ROWS, LENGTH), np.int32)
    ids_of_texts, _ = tokenizer.encode(texts, LENGTH)
    for row, ids in enumerate(ids_of_texts):
      tokens_BL[row, : len(ids)] = ids
      segments_BL[row, : len(ids)] = 1
    yield Batch(tokens_BL, segments_BL, positions_BL)


if __name__ == "__main__":
  run(main)
