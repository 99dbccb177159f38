"""A file of lines into a file of vectors, chunk by chunk; a killed run goes on."""

import io
import itertools
import json
import os
import pathlib
import sys

import numpy as np
from tqdm import tqdm

from labse_jax.base import files
from labse_jax.base.errors import InputError
from labse_jax.encoding import sentence_encoder


def encode_file(encoder, source, output, *, identity, prompt=None, progress=True):
  """Streams the lines of `source` into the .npy file `output`; returns (lines, lines cut).

  Vectors gather in `output`.partial, beside a note of what they are vectors of; `identity` names
  the model and its settings. A partial file of another input or model is started over, and said.
  A run that goes on where one was killed writes the same bytes: both work in the same chunks.
  """
  source, output = pathlib.Path(source), pathlib.Path(output)
  if output.is_dir():
    raise InputError(f"{output}: is a folder; --output names a .npy file.")
  if source.exists() and output.exists() and source.samefile(output):
    raise InputError(f"{output}: is the input; name another file for the vectors.")
  partial, note = (output.with_name(output.name + end) for end in (".partial", ".partial.note"))
  lines = sum(1 for _ in files.read_lines(source))
  if not lines:
    raise InputError(f"{source}: is empty; there is nothing to encode.")
  stat = source.stat()
  about = {
    "input": str(source.resolve()),
    "size": stat.st_size,
    "modified": stat.st_mtime_ns,
    "chunk": sentence_encoder.CHUNK,
    **identity,
  }
  try:
    cuts = _resume(partial, note, json.dumps(about) + "\n", (lines, encoder.dimension))
    done = min(len(cuts) * sentence_encoder.CHUNK, lines)
    with open(partial, "ab") as vectors, open(note, "a", encoding="utf-8") as log:
      with tqdm(total=lines, initial=done, unit=" lines", disable=not progress) as bar:
        for chunk in _chunks(files.read_lines(source, skip=done)):
          vectors_ND = encoder.encode(chunk, normalize_embeddings=True, prompt=prompt, warn=False)
          vectors.write(np.ascontiguousarray(vectors_ND, "<f4").tobytes())
          vectors.flush()
          cuts.append(encoder.cut)
          log.write(f"{encoder.cut}\n")  # Only now is the chunk done.
          log.flush()
          bar.update(len(chunk))
      os.fsync(vectors.fileno())
    os.replace(partial, output)
  except OSError as error:
    if error.filename is None:  # A failed write does not know its file.
      error.filename = str(output)
    raise
  note.unlink()
  encoder.say_cut(sum(cuts), lines)
  return lines, sum(cuts)


def _resume(partial, note, about, shape):
  """Leaves `partial` with whole chunks and `note` with a line for each; returns those lines.

  The note's first line is `about`; then it has, for each chunk, how many sentences were cut.
  """
  header = io.BytesIO()
  np.lib.format.write_array_header_1_0(
    header, {"descr": "<f4", "fortran_order": False, "shape": shape}
  )
  header, chunk_bytes, cuts = header.getvalue(), sentence_encoder.CHUNK * 4 * shape[1], []
  if partial.exists():
    noted = note.read_text("utf-8").splitlines(keepends=True) if note.exists() else [""]
    if noted[:1] == [about]:
      size = partial.stat().st_size - len(header)
      whole = (
        -(-shape[0] // sentence_encoder.CHUNK)
        if size == shape[0] * 4 * shape[1]
        else size // chunk_bytes
      )
      # A killed run may have torn the last line of either file.
      cuts = [int(line) for line in noted[1:] if line.endswith("\n")][: max(0, whole)]
    else:
      print(f"labse-jax: {partial} is of another input or model; starting over.", file=sys.stderr)
  with files.replacing(note) as file:
    file.writelines([about, *(f"{cut}\n" for cut in cuts)])
  with open(partial, "r+b" if cuts else "wb") as file:
    file.write(header)
    file.truncate(len(header) + min(len(cuts) * sentence_encoder.CHUNK, shape[0]) * 4 * shape[1])
  return cuts


def _chunks(numbered_lines):
  lines = (line for _, line in numbered_lines)
  while chunk := list(itertools.islice(lines, sentence_encoder.CHUNK)):
    yield chunk
