"""Sentences to unit vectors, on packed rows and every local device."""

import pathlib

import jax
import numpy as np

from labse_jax import model_folder
from labse_jax.base import console
from labse_jax.base.errors import InputError
from labse_jax.base.sharding import batch_sharding, cache_compilations, make_mesh
from labse_jax.base.unit_vectors import unit
from labse_jax.data.batches import packing
from labse_jax.model_folder import known_models
from labse_jax.models import bert, heads
from labse_jax.tokenizer.tokenizer import Tokenizer

ROW_LENGTHS = (32, 128, 512)  # A model's own limit replaces the last.
TOKENS_PER_DEVICE = 1024  # Larger batches leave the cache of a CPU core.
LAST_BATCH = (16, 4, 1)  # The last batch may be this part of the others; each is one compilation.
CHUNK = 2048  # Sentences that are packed together, and lines that a killed run does again.


class SentenceEncoder:
  """A model folder, ready to encode.

  encoder = SentenceEncoder.load("folder"); vectors = encoder.encode(["Hello", "Bonjour"])
  """

  def __init__(
    self, module, params, tokenizer, *, max_length, prompts=None, default_prompt=None, mesh=None
  ):
    prompts = prompts or {}
    if not 3 <= max_length <= module.bert.longest:
      raise InputError(
        f"max_length = {max_length}: 3 to {module.bert.longest}, the positions that the model has."
      )
    if default_prompt is not None and default_prompt not in prompts:
      raise InputError(
        f"default_prompt_name {default_prompt!r} is not among the prompts {sorted(prompts)}."
      )
    # Layer by layer: a scan would copy each layer's weights out of the stack in every batch.
    self.module = module.clone(bert=module.bert.clone(unstacked=True))
    self.tokenizer = tokenizer
    self.max_length = max_length
    self.prompts = prompts
    self.default_prompt = default_prompt
    self.mesh = mesh or make_mesh(devices=jax.local_devices())
    self.params = None
    if params is not None:  # Else set_params is called later.
      self.set_params(params)
    self.cut = 0  # Sentences of the last call that were longer than the model takes.
    self.dimension = module.out_width
    self._forward = jax.jit(
      self._apply, static_argnames="slots", out_shardings=batch_sharding(self.mesh)
    )
    shorter = [length for length in ROW_LENGTHS if length < max_length]
    self.row_lengths = (*shorter, max_length)

  def set_params(self, params):
    """Puts a parameter tree on every device of the encoder."""
    params = params | {"bert": bert.unstack(params["bert"], self.module.bert.dtype)}
    self.params = jax.device_put(params, jax.NamedSharding(self.mesh, jax.P()))

  @classmethod
  def load(cls, folder, *, precision="float32"):
    """Opens a sentence-transformers folder; raises InputError if it is none.

    Warns on stderr where a well-known model lacks what its makers use with it, such as a prompt:
    its vectors then look right and are not.
    """
    cache_compilations()
    content = model_folder.read(folder)
    module = heads.build(content.model, content.head, dtype=precision)
    encoder = cls(
      module,
      None,
      Tokenizer(content.tokenizer_file),
      max_length=content.max_length,
      prompts=content.prompts,
      default_prompt=content.default_prompt,
    )
    for warning in known_models.warnings(pathlib.Path(folder), content, encoder.tokenizer):
      console.warn(warning)
    # A piece without a row would get the vector of another one, silently.
    if len(encoder.tokenizer) > content.model["vocab_size"]:
      raise InputError(
        f"{folder}: tokenizer.json has {len(encoder.tokenizer):,} entries, "
        f"the model {content.model['vocab_size']:,} rows."
      )
    encoder.set_params(content.params)
    return encoder

  def encode(
    self,
    sentences,
    *,
    batch_size=None,
    show_progress_bar=False,
    normalize_embeddings=False,
    truncate_dim=None,
    prompt=None,
    warn=True,
  ):
    """Vectors of a sentence [D] or of a list of sentences [N, D], float32, in their order.

    `batch_size` is in sentences of 32 tokens a device. `show_progress_bar` None draws the bar on a
    terminal. `truncate_dim` keeps the first dimensions; as in sentence-transformers, only
    `normalize_embeddings` makes them of length 1. `prompt` is put before each sentence; None is the
    folder's default prompt. A sentence with more tokens than the model takes is cut, and counted in
    `self.cut`; `warn` says on stderr how many were cut.
    """
    single = isinstance(sentences, str)
    sentences = [sentences] if single else list(sentences)
    _check_arguments(sentences, batch_size=batch_size, truncate_dim=truncate_dim)
    if prompt is None:
      prompt = self.prompts.get(self.default_prompt, "")
    tokens_per_device = 32 * batch_size if batch_size else TOKENS_PER_DEVICE
    with console.progress(unit="sentences", total=len(sentences), shown=show_progress_bar) as bar:
      vectors_ND = self._encode_chunks(sentences, prompt, tokens_per_device, bar)
    if warn:
      self.say_cut(self.cut, len(sentences))
    # Cut first: only then are the dimensions that are kept of length 1.
    vectors_ND = vectors_ND[:, :truncate_dim]
    if normalize_embeddings:
      vectors_ND = unit(vectors_ND)
    return vectors_ND[0] if single else vectors_ND

  def say_cut(self, cut, count):
    """Tells the person, on stderr, how many of `count` sentences were cut; nothing if none."""
    if cut:
      console.note(
        f"{cut:,} of {count:,} sentences are longer than {self.max_length} tokens and were cut."
      )

  def _encode_chunks(self, sentences, prompt, tokens_per_device, bar):
    """Vectors [N, D] as the model gives them; counts in `self.cut` what was cut."""
    vectors_ND = np.zeros((len(sentences), self.dimension), np.float32)
    self.cut = 0
    for start in range(0, len(sentences), CHUNK):
      chunk = sentences[start : start + CHUNK]
      prompted = [prompt + sentence for sentence in chunk]
      vectors_ND[start : start + CHUNK] = self._encode_chunk(prompted, tokens_per_device)
      bar.update(len(chunk))
    return vectors_ND

  def _encode_chunk(self, sentences, tokens_per_device):
    tokens, cut = self.tokenizer.encode(sentences, self.max_length)
    self.cut += cut
    lengths_N = np.array([len(ids) for ids in tokens])
    vectors_ND = np.zeros((len(sentences), self.dimension), np.float32)
    # Short sentences go into short rows: attention's cost grows with the square of a row.
    shorter = 0
    for length in self.row_lengths:
      members_n = np.flatnonzero((lengths_N > shorter) & (lengths_N <= length))
      shorter = length
      if len(members_n):
        items = [(tokens[member],) for member in members_n]
        vectors_ND[members_n] = self._encode_rows(items, length, tokens_per_device)
    return vectors_ND

  def _encode_rows(self, items, length, tokens_per_device):
    """Vectors of items, packed into rows of one length and run in batches of few shapes."""
    slots = max(1, length // 4)
    packed, row_N, slot_N = packing.pack(items, length, slots)
    pending = []
    # JAX works on a batch while the next one is made: results are fetched when all are sent.
    for batch in _batches(packed, self._batch_sizes(length, tokens_per_device)):
      with jax.set_mesh(self.mesh):
        batch = jax.device_put(batch, batch_sharding(self.mesh))
        pending.append(self._forward(self.params, *batch, slots=slots))
    z_RSD = np.concatenate([np.asarray(z_BSD) for z_BSD in pending])
    return z_RSD[row_N, slot_N]

  def _batch_sizes(self, length, tokens_per_device):
    """The rows that a batch may have, in ascending order; each size is compiled once."""
    full = max(1, tokens_per_device // length)
    return [max(1, full // part) * self.mesh.size for part in LAST_BATCH]

  def _apply(self, params, tokens_BL, segments_BL, positions_BL, *, slots):
    return self.module.apply({"params": params}, tokens_BL, segments_BL, positions_BL, slots=slots)


def _check_arguments(sentences, **numbers):
  for name, value in numbers.items():
    if value is not None and value < 1:
      raise InputError(f"{name} = {value}; it must be at least 1.")
  for sentence in sentences:
    if not isinstance(sentence, str):
      raise InputError(f"encode takes strings; got {type(sentence).__name__}.")


def _batches(packed, sizes):
  """Full batches of packed rows, then the smallest that holds the rest: lists of [B, L] arrays."""
  rows = len(packed["mask"])
  start = 0
  while start < rows:
    size = _smallest(sizes, at_least=rows - start)
    batch = []
    for name in ("tokens", "segments", "positions"):
      array_BL = packed[name][start : start + size, 0]  # An item has one side here.
      batch.append(np.pad(array_BL, ((0, size - len(array_BL)), (0, 0))))
    yield batch
    start += size


def _smallest(sizes, *, at_least):
  """The first of ascending sizes that is large enough, or the largest."""
  for size in sizes:
    if size >= at_least:
      return size
  return sizes[-1]
