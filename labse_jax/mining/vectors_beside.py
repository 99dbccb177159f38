"""Both texts' vectors, kept beside the output until it is written."""

import contextlib
import pathlib
import shutil
import sys

import numpy as np

from labse_jax.base import files, fingerprint
from labse_jax.encoding.streaming import encode_file
from labse_jax.mining.texts import SIDES

MARKER = "of.json"


def folder_of(output):
  return pathlib.Path(f"{output}.vectors")


@contextlib.contextmanager
def vectors_beside(output, texts, encoder, args):
  """Gives both texts' unit vectors, mapped into memory; removes them if the block ends well.

  What a killed run of the same inputs and settings left beside `output` is gone on with.
  """
  folder = folder_of(output)
  files.check_replaceable(folder, marker=MARKER)
  identity = {
    "model": fingerprint.model(args.model),
    "precision": args.dtype,
    "prompt": args.prompt,
  }
  about = (
    identity
    | {side: _file(getattr(args, side)) for side in SIDES}
    | {"score_only": args.score_only}
  )
  if files.read_json(folder / MARKER, {}) != about:
    with files.replacing_folder(folder, marker=MARKER) as partial:
      files.write_json(partial / MARKER, about)
  for side, text in zip(SIDES, texts, strict=True):
    _encode(encoder, text, folder / f"{side}.txt", folder / f"{side}.npy", identity, args.prompt)
  yield [np.load(folder / f"{side}.npy", mmap_mode="r") for side in SIDES]
  shutil.rmtree(folder)


def _file(path):
  stat = pathlib.Path(path).stat()
  return [str(pathlib.Path(path).resolve()), stat.st_size, stat.st_mtime_ns]


def _encode(encoder, text, lines, output, identity, prompt):
  if not lines.exists():  # encode_file goes on where the file is older than its vectors.
    with files.replacing(lines) as file:
      file.writelines(f"{line}\n" for line in text.lines)
  if not output.exists():
    encode_file(
      encoder, lines, output, identity=identity, prompt=prompt, progress=sys.stderr.isatty()
    )
