"""A file of lines into a file of vectors, chunk by chunk; a killed run goes on."""

from collections.abc import Mapping
import io
import json
import os
import pathlib

import numpy as np

from labse_jax.base import console, files, interrupts
from labse_jax.base.errors import InputError
from labse_jax.base.types import PathLike
from labse_jax.base.writing import lock
from labse_jax.encoding import vector_files
from labse_jax.encoding.counted_lines import counted_lines
from labse_jax.encoding.sentence_encoder import SentenceEncoder

FLOAT_BYTES = 4
GOES_ON = "The same command goes on from here."


def encode_file(
  encoder: SentenceEncoder,
  source: PathLike,
  output: PathLike,
  *,
  identity: Mapping[str, str | None],
  prompt: str | None = None,
  progress: bool | None = None,
) -> tuple[int, int]:
  """Streams the lines of `source` into the .npy file `output`; returns (lines, lines cut).

  Vectors gather in `output`.partial, beside a note that says what they are vectors of; `identity`
  names the model and its settings. A partial file of another input or model is started over, which
  is said. A run that goes on where one was killed writes the same bytes: both work in the same
  chunks. A pipe is first copied to a file beside `output`. `progress` draws a bar; None draws it on
  a terminal. Raises InputError where the source changes meanwhile, or another process is writing
  the output.
  """
  source = pathlib.Path(source)
  output = pathlib.Path(output)
  vector_files.check_output(output, source)
  prompt = encoder.prompt_of(prompt)  # Also checked, before there is a partial file.
  with (
    files.naming(output),
    lock.locked(lock.beside(output), output),
    counted_lines(source, output) as lines,
  ):
    cuts = _encode(encoder, lines, output, identity=identity, prompt=prompt, progress=progress)
    encoder.say_cut(sum(cuts), lines.count)
    return lines.count, sum(cuts)


def _encode(encoder, counted, output, *, identity, prompt, progress):
  """Writes the vectors of CountedLines; returns how many sentences of each chunk were cut."""
  partial = output.with_name(output.name + ".partial")
  note = output.with_name(output.name + ".partial.note")
  chunk_size = encoder.chunk_size()
  about = json.dumps(counted.identity() | {**identity, "chunk": chunk_size}) + "\n"
  # The header of a .npy file says how many rows follow.
  cuts = _resume(partial, note, about, (counted.count, encoder.dimension), chunk_size)
  try:
    _encode_rest(encoder, counted, (partial, note), cuts, prompt=prompt, progress=progress)
  except InputError:
    # The input changed, or the model is damaged: nothing could go on from what is there.
    partial.unlink()
    note.unlink()
    raise
  os.replace(partial, output)
  note.unlink()
  return cuts


def _encode_rest(encoder, counted, paths, cuts, *, prompt, progress):
  """Appends to (partial, note), and to `cuts`, the chunks that are not there yet."""
  partial, note = paths
  chunk_size = encoder.chunk_size()
  lines = counted.count

  def done():
    return min(len(cuts) * chunk_size, lines)

  with (
    interrupts.kept(lambda: f"{done():,} of {lines:,} lines are kept. {GOES_ON}"),
    open(partial, "ab") as vectors,
    open(note, "a", encoding="utf-8") as log,
    console.progress(unit="lines", total=lines, initial=done(), shown=progress) as bar,
  ):
    for chunk in counted.chunks(chunk_size, skip=done()):
      vectors_ND, cut = encoder.encode_counted(
        chunk, prompt=prompt, normalize_embeddings=True, moved=bar.update
      )
      _append(vectors, log, vectors_ND, cut)
      cuts.append(cut)
    os.fsync(vectors.fileno())


def _resume(partial, note, about, shape, chunk_size):
  """Leaves `partial` with whole chunks and `note` with a line for each; returns those lines.

  The note's first line is `about`; each further line says how many sentences of a chunk were cut.
  """
  rows, dimension = shape
  header = _npy_header(shape)
  cuts = []
  if partial.exists():
    noted = note.read_text("utf-8").splitlines(keepends=True) if note.exists() else []
    if noted and noted[0] == about:
      size = partial.stat().st_size - len(header)
      cuts = _cuts(noted[1:])[: _whole_chunks(size, shape, chunk_size)]
    else:
      console.note(f"{partial} is of another input or model; starting over.")
  with files.replacing(note) as file:
    file.write(about)
    for cut in cuts:
      file.write(f"{cut}\n")
  # What a killed run wrote after its last whole chunk is cut off.
  rows_done = min(len(cuts) * chunk_size, rows)
  with open(partial, "r+b" if cuts else "wb") as file:
    file.write(header)
    file.truncate(len(header) + rows_done * FLOAT_BYTES * dimension)
  return cuts


def _append(vectors, log, vectors_ND, cut):
  """Writes the vectors of a chunk, and only then the line that says that the chunk is done."""
  vectors.write(np.ascontiguousarray(vectors_ND, "<f4").tobytes())
  vectors.flush()
  log.write(f"{cut}\n")
  log.flush()


def _npy_header(shape):
  header = io.BytesIO()
  np.lib.format.write_array_header_1_0(
    header, {"descr": "<f4", "fortran_order": False, "shape": shape}
  )
  return header.getvalue()


def _whole_chunks(size, shape, chunk_size):
  """How many chunks are whole in `size` bytes of vectors; the last chunk may be a short one."""
  rows, dimension = shape
  row_bytes = FLOAT_BYTES * dimension
  if size == rows * row_bytes:
    return -(-rows // chunk_size)
  return max(0, size // (chunk_size * row_bytes))


def _cuts(lines):
  """The numbers of a note, without a last line that a killed run has torn."""
  return [int(line) for line in lines if line.endswith("\n")]
