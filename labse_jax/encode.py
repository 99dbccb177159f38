"""Sentences to unit vectors, on packed rows and every local device."""

import argparse
import hashlib
import json
import os
import pathlib
import sys

import jax
import numpy as np
from tqdm import tqdm

from labse_jax import files
from labse_jax import folder as model_folder
from labse_jax.data import packing
from labse_jax.data.tokenizer import Tokenizer
from labse_jax.errors import InputError, run
from labse_jax.models import heads
from labse_jax.sharding import batch_sharding, make_mesh

ROW_LENGTHS = (32, 128, 512)  # One compilation each; a model's own limit replaces the last.
TOKENS_PER_DEVICE = 1024  # Larger batches leave the cache of a CPU core.
CHUNK = 2048  # Sentences that are packed together.


class SentenceEncoder:
  """A model folder, ready to encode.

  encoder = SentenceEncoder.load("folder"); vectors = encoder.encode(["Hello", "Bonjour"])
  """

  def __init__(self, module, params, tokenizer, *, max_length, prompts=None, default_prompt=None,
               mesh=None):  # fmt: skip
    self.module, self.tokenizer, self.max_length = module, tokenizer, max_length
    self.prompts, self.default_prompt = prompts or {}, default_prompt
    self.mesh = mesh or make_mesh(devices=jax.local_devices())
    self.params = params
    self.cut = 0  # Sentences of the last call that were longer than the model takes.
    self.dimension = module.dense or module.bert.width
    self._forward = jax.jit(
        self._apply, static_argnames="slots", out_shardings=batch_sharding(self.mesh))  # fmt: skip
    longest = [length for length in ROW_LENGTHS if length < max_length]
    self.row_lengths = (*longest, max_length)

  @classmethod
  def load(cls, folder, *, precision="float32"):
    """Opens a sentence-transformers folder; raises InputError if it is none."""
    content = model_folder.read(folder)
    module = heads.build(content.model, content.head, dtype=precision)
    encoder = cls(module, None, Tokenizer(content.tokenizer_file), max_length=content.max_length,
                  prompts=content.prompts, default_prompt=content.default_prompt)  # fmt: skip
    if len(encoder.tokenizer) > content.model["vocab_size"]:
      raise InputError(f"{folder}: tokenizer.json has {len(encoder.tokenizer):,} entries, "
                       f"the model {content.model['vocab_size']:,} rows.")  # fmt: skip
    encoder.params = jax.device_put(content.params, jax.NamedSharding(encoder.mesh, jax.P()))
    return encoder

  def encode(self, sentences, *, batch_size=None, show_progress_bar=False,
             normalize_embeddings=False, truncate_dim=None, prompt=None):  # fmt: skip
    """Vectors of a sentence [D] or of a list of sentences [N, D], float32, in their order.

    `batch_size` is in sentences of 32 tokens a device; `prompt` is put before each sentence (the
    folder's default prompt if None). A sentence with more tokens than the model takes is cut,
    counted in `self.cut`, and said on stderr.
    """
    single = isinstance(sentences, str)
    sentences = [sentences] if single else list(sentences)
    bad = next((s for s in sentences if not isinstance(s, str)), None)
    if bad is not None:
      raise InputError(f"encode takes strings; got {type(bad).__name__}.")
    vectors_ND = np.zeros((len(sentences), self.dimension), np.float32)
    prompt = self.prompts.get(self.default_prompt, "") if prompt is None else prompt
    tokens_per_device = 32 * batch_size if batch_size else TOKENS_PER_DEVICE
    self.cut = 0
    with tqdm(total=len(sentences), unit=" sentences", disable=not show_progress_bar) as bar:
      for start in range(0, len(sentences), CHUNK):
        chunk = sentences[start : start + CHUNK]
        self._encode_chunk([prompt + s for s in chunk], vectors_ND[start:], tokens_per_device)
        bar.update(len(chunk))
    if self.cut:
      print(f"labse-jax: {self.cut:,} of {len(sentences):,} sentences are longer than "
            f"{self.max_length} tokens and were cut.", file=sys.stderr)  # fmt: skip
    vectors_ND = vectors_ND[:, :truncate_dim]
    if normalize_embeddings or (truncate_dim and self.module.normalize):
      norm_N1 = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
      vectors_ND = vectors_ND / np.maximum(norm_N1, 1e-12)
    return vectors_ND[0] if single else vectors_ND

  def _encode_chunk(self, sentences, vectors_ND, tokens_per_device):
    tokens, cut = self.tokenizer.encode(sentences, self.max_length)
    self.cut += cut
    lengths_N = np.array([len(t) for t in tokens])
    shorter = 0
    for length in self.row_lengths:
      members = np.flatnonzero((lengths_N > shorter) & (lengths_N <= length))
      shorter = length
      if len(members):
        z_ND = self._encode_rows([(tokens[i],) for i in members], length, tokens_per_device)
        vectors_ND[members] = z_ND

  def _encode_rows(self, items, length, tokens_per_device):
    """Packs items into rows of one length and runs them in batches of one shape."""
    devices = self.mesh.size
    rows, slots = max(1, tokens_per_device // length) * devices, max(1, length // 4)
    packed, row_N, slot_N = packing.pack(items, length, slots)
    pending = []
    for start in range(0, len(packed["mask"]), rows):
      names = ("tokens", "segments", "positions")
      batch = [packed[name][start : start + rows, 0] for name in names]
      batch = [np.pad(a_BL, ((0, rows - len(a_BL)), (0, 0))) for a_BL in batch]
      with jax.set_mesh(self.mesh):
        batch = jax.device_put(batch, batch_sharding(self.mesh))
        pending.append(self._forward(self.params, *batch, slots=slots))
    z_RSD = np.concatenate([np.asarray(z_BSD) for z_BSD in pending])
    return z_RSD[row_N, slot_N]

  def _apply(self, params, tokens_BL, segments_BL, positions_BL, *, slots):
    return self.module.apply(
        {"params": params}, tokens_BL, segments_BL, positions_BL, slots=slots)  # fmt: skip


WINDOW = 16_384  # Lines that are in memory at one time.
DESCRIPTION = """Writes a .npy file of float32 [N, D]: one L2-normalised vector for each line, in
the input's order. The input may be .gz, .xz or .zst. A run that was killed goes on where it was.

  python -m labse_jax.encode --model runs/quickstart/model --input lines.txt --output lines.npy"""


def encode_file(encoder, source, output, *, identity, prompt=None, progress=True):
  """Streams the lines of `source` into the .npy file `output`; returns (lines, lines cut).

  Vectors gather in `output`.partial, beside a note of what they are vectors of; `identity` names
  the model and its settings. A partial file of another input or model is started over, and said.
  """
  output = pathlib.Path(output)
  partial, note = (output.with_name(output.name + end) for end in (".partial", ".partial.json"))
  lines = sum(1 for _ in files.read_lines(source))
  if not lines:
    raise InputError(f"{source}: is empty; there is nothing to encode.")
  stat = os.stat(source)
  about = {"input": str(source), "size": stat.st_size, "modified": stat.st_mtime_ns, **identity}
  if partial.exists() and (not note.exists() or json.loads(note.read_text()) != about):
    print(f"labse-jax: {partial} is of another input or model; starting over.", file=sys.stderr)
    partial.unlink()
  with files.replacing(note) as file:
    json.dump(about, file)
  cut = 0
  with open(partial, "r+b" if partial.exists() else "w+b") as file:
    done = _whole_rows(file, (lines, encoder.dimension))
    bar = tqdm(total=lines, initial=done, unit=" lines", disable=not progress)
    for window in _windows(files.read_lines(source, skip=done)):
      vectors_ND = encoder.encode(window, normalize_embeddings=True, prompt=prompt)
      file.write(np.ascontiguousarray(vectors_ND, "<f4").tobytes())
      file.flush()
      cut += encoder.cut
      bar.update(len(window))
    bar.close()
    os.fsync(file.fileno())
  os.replace(partial, output)
  note.unlink()
  return lines, cut


def _whole_rows(file, shape):
  """Writes the header, or finds how many whole vectors follow it; leaves the file at its end."""
  header = {"descr": "<f4", "fortran_order": False, "shape": shape}
  size = file.seek(0, os.SEEK_END)
  file.seek(0)
  np.lib.format.write_array_header_1_0(file, header)
  start, row = file.tell(), 4 * shape[1]
  done = max(0, size - start) // row
  file.truncate(start + done * row)  # The last vector may be torn.
  file.seek(0, os.SEEK_END)
  return done


def _windows(numbered_lines):
  window = []
  for _, line in numbered_lines:
    window.append(line)
    if len(window) == WINDOW:
      yield window
      window = []
  if window:
    yield window


def fingerprint(folder):
  """A hash of a model folder's weights and tokenizer."""
  digest = hashlib.blake2b(digest_size=16)
  for name in ("config.json", "model.safetensors", "tokenizer.json", "modules.json"):
    with open(pathlib.Path(folder) / name, "rb") as file:
      digest.update(hashlib.file_digest(file, "blake2b").digest())
  return digest.hexdigest()


def main(argv):
  parser = argparse.ArgumentParser(
      prog="labse_jax.encode", description=DESCRIPTION,
      formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
  parser.add_argument("--model", required=True, help="a sentence-transformers folder")
  parser.add_argument("--input", required=True, help="text, one sentence a line")
  parser.add_argument("--output", required=True, help="the .npy file to write")
  parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
  parser.add_argument("--prompt", help="put before each line, instead of the folder's own")
  args = parser.parse_args(argv)
  encoder = SentenceEncoder.load(args.model, precision=args.precision)
  identity = {"model": fingerprint(args.model), "precision": args.precision, "prompt": args.prompt}
  lines, cut = encode_file(encoder, args.input, args.output, identity=identity,
                           prompt=args.prompt, progress=sys.stderr.isatty())  # fmt: skip
  print(f"{args.output}: {lines:,} x {encoder.dimension} float32; {cut:,} lines were cut.")


if __name__ == "__main__":
  run(main)
