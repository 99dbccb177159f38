"""Sentences to unit vectors, on packed rows and every local device."""

import pathlib
import sys

import jax
import numpy as np
from tqdm import tqdm

from labse_jax import model_folder
from labse_jax.base.errors import InputError
from labse_jax.base.sharding import batch_sharding, cache_compilations, make_mesh
from labse_jax.data.batches import packing
from labse_jax.model_folder import known_models
from labse_jax.models import bert, heads
from labse_jax.tokenizer.tokenizer import Tokenizer

ROW_LENGTHS = (32, 128, 512)  # A model's own limit replaces the last.
TOKENS_PER_DEVICE = 1024  # Larger batches leave the cache of a CPU core.
LAST_BATCH = (16, 4, 1)  # The last one may be this part of the others; each is one compilation.
CHUNK = 2048  # Sentences that are packed together, and lines that a killed run does again.


class SentenceEncoder:
  """A model folder, ready to encode.

  encoder = SentenceEncoder.load("folder"); vectors = encoder.encode(["Hello", "Bonjour"])
  """

  def __init__(
    self, module, params, tokenizer, *, max_length, prompts=None, default_prompt=None, mesh=None
  ):
    if not 3 <= max_length <= module.bert.longest:
      raise InputError(
        f"max_length = {max_length}: 3 to {module.bert.longest}, the positions that the model has."
      )
    if default_prompt is not None and default_prompt not in (prompts or {}):
      raise InputError(
        f"default_prompt_name {default_prompt!r} is not among the prompts {sorted(prompts or {})}."
      )
    self.module = module.clone(bert=module.bert.clone(unstacked=True))
    self.tokenizer, self.max_length = tokenizer, max_length
    self.prompts, self.default_prompt = prompts or {}, default_prompt
    self.mesh = mesh or make_mesh(devices=jax.local_devices())
    self.params = None
    if params is not None:  # Else set_params is called later.
      self.set_params(params)
    self.cut = 0  # Sentences of the last call that were longer than the model takes.
    self.dimension = module.dense or module.bert.width
    self._forward = jax.jit(
      self._apply, static_argnames="slots", out_shardings=batch_sharding(self.mesh)
    )
    self.row_lengths = (*(length for length in ROW_LENGTHS if length < max_length), max_length)

  def set_params(self, params):
    """Puts a parameter tree on every device of the encoder."""
    params = params | {"bert": bert.unstack(params["bert"], self.module.bert.dtype)}
    self.params = jax.device_put(params, jax.NamedSharding(self.mesh, jax.P()))

  @classmethod
  def load(cls, folder, *, precision="float32"):
    """Opens a sentence-transformers folder; raises InputError if it is none.

    What makes a well-known model give other vectors than it was made for is said on stderr.
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
      print(f"labse-jax: warning: {warning}", file=sys.stderr)
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

    `batch_size` is in sentences of 32 tokens a device; `prompt` is put before each sentence (the
    folder's default prompt if None); `truncate_dim` keeps the first dimensions, of length 1 only
    with `normalize_embeddings`, as in sentence-transformers. A sentence with more tokens than the
    model takes is cut, counted in `self.cut` and, with `warn`, said on stderr.
    """
    for name, value in (("batch_size", batch_size), ("truncate_dim", truncate_dim)):
      if value is not None and value < 1:
        raise InputError(f"{name} = {value}; it must be at least 1.")
    single = isinstance(sentences, str)
    sentences = [sentences] if single else list(sentences)
    for sentence in sentences:
      if not isinstance(sentence, str):
        raise InputError(f"encode takes strings; got {type(sentence).__name__}.")
    vectors_ND = np.zeros((len(sentences), self.dimension), np.float32)
    prompt = self.prompts.get(self.default_prompt, "") if prompt is None else prompt
    tokens_per_device = 32 * batch_size if batch_size else TOKENS_PER_DEVICE
    self.cut = 0
    with tqdm(total=len(sentences), unit=" sentences", disable=not show_progress_bar) as bar:
      for start in range(0, len(sentences), CHUNK):
        chunk = sentences[start : start + CHUNK]
        self._encode_chunk([prompt + s for s in chunk], vectors_ND[start:], tokens_per_device)
        bar.update(len(chunk))
    if warn:
      self.say_cut(self.cut, len(sentences))
    vectors_ND = vectors_ND[:, :truncate_dim]
    if normalize_embeddings:
      norm_N1 = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
      vectors_ND = vectors_ND / np.maximum(norm_N1, 1e-12)
    return vectors_ND[0] if single else vectors_ND

  def say_cut(self, cut, count):
    """Tells the person, on stderr, how many of `count` sentences were cut; nothing if none."""
    if cut:
      print(
        f"labse-jax: {cut:,} of {count:,} sentences are longer than {self.max_length} tokens "
        "and were cut.",
        file=sys.stderr,
      )

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
    """Packs items into rows of one length and runs them in batches of few shapes."""
    full, slots = max(1, tokens_per_device // length), max(1, length // 4)
    shapes = [max(1, full // part) * self.mesh.size for part in LAST_BATCH]
    packed, row_N, slot_N = packing.pack(items, length, slots)
    names, pending, left = ("tokens", "segments", "positions"), [], len(packed["mask"])
    while left > 0:
      rows = next((rows for rows in shapes if rows >= left), shapes[-1])
      start, left = len(packed["mask"]) - left, left - rows
      batch = [packed[name][start : start + rows, 0] for name in names]
      batch = [np.pad(a_BL, ((0, rows - len(a_BL)), (0, 0))) for a_BL in batch]
      with jax.set_mesh(self.mesh):
        batch = jax.device_put(batch, batch_sharding(self.mesh))
        pending.append(self._forward(self.params, *batch, slots=slots))
    z_RSD = np.concatenate([np.asarray(z_BSD) for z_BSD in pending])
    return z_RSD[row_N, slot_N]

  def _apply(self, params, tokens_BL, segments_BL, positions_BL, *, slots):
    return self.module.apply({"params": params}, tokens_BL, segments_BL, positions_BL, slots=slots)
