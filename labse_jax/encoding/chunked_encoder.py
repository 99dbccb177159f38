"""Texts to vectors, chunk by chunk, and how many of the texts were cut."""

from collections.abc import Callable, Iterable
import threading

import jax
import numpy as np

from labse_jax.base import console
from labse_jax.base.types import Params
from labse_jax.encoding.encoder_settings import EncoderSettings, checked_count
from labse_jax.encoding.packed_forward import TOKENS_PER_DEVICE, PackedForward
from labse_jax.encoding.texts import listed
from labse_jax.models.heads import SentenceModel
from labse_jax.neighbours.unit_vectors import unit
from labse_jax.tokenizer.tokenizer import Tokenizer

CHUNK = 2048  # Sentences that are packed together.
# On a CPU these take seconds. More would fill batches 1 % better and lose more when it is killed.
CHUNK_ON_CPU = 256


class ChunkedEncoder(EncoderSettings):
  """A module and a tokenizer that encode with the settings of EncoderSettings."""

  def __init__(
    self,
    module: SentenceModel,
    tokenizer: Tokenizer,
    *,
    max_length: int,
    prompts: dict[str, str],
    default_prompt: str | None,
    mesh: jax.sharding.Mesh | None = None,
  ) -> None:
    super().__init__(
      PackedForward(module, mesh),
      max_length=max_length,
      prompts=prompts,
      default_prompt=default_prompt,
    )
    self._tokenizer = tokenizer
    # The tokenizer keeps the limit that it cuts at, so one thread at a time may use it.
    self._tokenizing = threading.Lock()

  def set_params(self, params: Params) -> None:
    """Puts another parameter tree on every device of the encoder."""
    self._packed.set_params(params)

  @property
  def tokenizer(self) -> Tokenizer:
    """The folder's tokenizer; `tokenize` gives what it makes of texts."""
    return self._tokenizer

  def encode_counted(
    self,
    sentences: str | Iterable[str],
    *,
    prompt: str | None = None,
    batch_size: int | None = None,
    show_progress_bar: bool | None = False,
    normalize_embeddings: bool = False,
    truncate_dim: int | None = None,
    moved: Callable[[int], object] | None = None,
  ) -> tuple[np.ndarray, int]:
    """As `encode` with a list; returns (vectors [N, D], how many of the sentences were cut).

    `moved` is called with how many more sentences are done; without it a bar of its own is moved.
    """
    sentences = listed("encode", sentences)
    checked_count("batch_size", batch_size)
    self._checked_dim(truncate_dim)
    prompt = self.prompt_of(prompt)
    tokens_per_device = 32 * batch_size if batch_size else TOKENS_PER_DEVICE
    vectors_ND = np.zeros((len(sentences), self._packed.module.out_width), np.float32)
    cut = 0
    with console.progress(unit="sentences", total=len(sentences), shown=show_progress_bar) as bar:
      chunk_size = self.chunk_size(tokens_per_device)
      for start in range(0, len(sentences), chunk_size):
        chunk = sentences[start : start + chunk_size]
        tokens, chunk_cut, longest = self._ids([prompt + sentence for sentence in chunk])
        vectors_ND[start : start + chunk_size] = self._packed.vectors(
          tokens,
          longest=longest,
          tokens_per_device=tokens_per_device,
          moved=moved or bar.update,
        )
        cut += chunk_cut
    # Cut first: only then are the dimensions that are kept of length 1.
    vectors_ND = vectors_ND[:, : truncate_dim or self.truncate_dim]
    if normalize_embeddings:
      vectors_ND = unit(vectors_ND)
    return vectors_ND, cut

  def chunk_size(self, tokens_per_device: int = TOKENS_PER_DEVICE) -> int:
    """How many sentences are packed together: their vectors come at once."""
    if not self._packed.on_cpu:
      return CHUNK
    return min(CHUNK, CHUNK_ON_CPU * max(1, tokens_per_device // TOKENS_PER_DEVICE))

  def say_cut(self, cut: int, count: int) -> None:
    """Tells the person, on stderr, how many of `count` sentences were cut; nothing if none."""
    if cut:
      console.note(
        f"{cut:,} of {count:,} sentences are longer than {self.max_seq_length} tokens and were cut."
      )

  def _ids(self, texts):
    """Returns (the ids of each text, how many were cut, the limit that they were cut at)."""
    longest = self.max_seq_length  # Read once: another thread may set it.
    with self._tokenizing:
      tokens, cut = self._tokenizer.encode(texts, longest)
    return tokens, cut, longest
