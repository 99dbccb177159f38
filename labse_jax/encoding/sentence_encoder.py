"""Sentences to vectors: the class that people use."""

from collections.abc import Iterable
import inspect
import os
import threading

import numpy as np

from labse_jax.base import console
from labse_jax.base.errors import InputError
from labse_jax.base.sharding import cache_compilations
from labse_jax.base.unit_vectors import unit
from labse_jax.encoding import habits, similarities
from labse_jax.encoding.encoder_settings import EncoderSettings, checked_count
from labse_jax.encoding.origin import opened
from labse_jax.encoding.packed_forward import TOKENS_PER_DEVICE, PackedForward
from labse_jax.tokenizer.tokenizer import Tokenizer

CHUNK = 2048  # Sentences that are packed together.
# On a CPU these take seconds. More would fill batches 1 % better and show progress rarely.
CHUNK_ON_CPU = 256
OPTIONS = ("dtype", "prompts", "default_prompt_name", "similarity_fn_name", "truncate_dim")
DOCUMENT_PROMPTS = ("document", "passage", "corpus")  # The first that the folder has is taken.


class SentenceEncoder(EncoderSettings):
  """A model folder, ready to encode. The names are those of sentence-transformers.

  Open a folder, or a model of the Hugging Face hub by its name, and encode:

    from labse_jax import SentenceEncoder

    encoder = SentenceEncoder("runs/quickstart/model")
    vectors = encoder.encode(["Hello", "Bonjour"])     # a NumPy array, float32 [2, D]
    encoder.similarity(vectors, vectors)               # [2, 2]; cosine, unless the folder says else

  Models for search put a prompt before each text, one before queries and one before documents:

    encoder.prompts                                    # {"query": "query: ", "passage": ...}
    encoder.encode_query("How high is it?")
    encoder.encode_document(["It is 300 m high."])
    encoder.encode("How high is it?", prompt="query: ")

  `max_seq_length`, `truncate_dim`, `prompts`, `default_prompt_name` and `similarity_fn_name` can be
  set. `save` writes a folder with them, all but `truncate_dim`:

    encoder.max_seq_length = 128
    encoder.save("model-128")

  `dtype="bfloat16"` is faster on TPUs, GPUs and some CPUs, and nearly as exact. All devices of the
  machine are used. Threads may share an encoder. docs/sentence_transformers.md says what differs.
  """

  def __init__(
    self,
    folder: str | os.PathLike,
    *,
    dtype: str = "float32",
    prompts: dict | None = None,
    default_prompt_name: str | None = None,
    similarity_fn_name: str | None = None,
    truncate_dim: int | None = None,
    **others,
  ):
    """Opens a folder of sentence-transformers or transformers; raises InputError if it is none.

    Warns on stderr where a well-known model lacks what its makers use with it, such as a prompt:
    its vectors then look right and are not.
    """
    dtype = others.pop("precision", dtype)  # Its older name.
    habits.check_arguments("SentenceEncoder", others, OPTIONS)
    cache_compilations()
    content, module, tokenizer, origin = opened(folder, dtype)
    self._assemble(
      module,
      tokenizer,
      max_length=content.max_length,
      prompts=content.prompts | (prompts or {}),
      default_prompt=default_prompt_name or content.default_prompt,
    )
    self.similarity_fn_name = similarity_fn_name or content.similarity
    self.truncate_dim = truncate_dim
    self.set_params(content.params)
    self._origin = origin

  @classmethod
  def load(cls, folder: str | os.PathLike, **options) -> "SentenceEncoder":
    """The same as SentenceEncoder(folder, ...)."""
    return cls(folder, **options)

  @classmethod
  def of_parts(
    cls, module, params, tokenizer, *, max_length, prompts=None, default_prompt=None, mesh=None
  ) -> "SentenceEncoder":
    """An encoder of a model in memory; `params` may be None until `set_params` is called."""
    encoder = cls.__new__(cls)
    encoder._assemble(
      module,
      tokenizer,
      max_length=max_length,
      prompts=prompts or {},
      default_prompt=default_prompt,
      mesh=mesh,
    )
    if params is not None:
      encoder.set_params(params)
    return encoder

  def _assemble(self, module, tokenizer, *, mesh=None, **settings):
    super().__init__(PackedForward(module, mesh), **settings)
    self._tokenizer = tokenizer
    # The tokenizer keeps the limit that it cuts at, so one thread at a time may use it.
    self._tokenizing = threading.Lock()
    self._origin = None

  def set_params(self, params):
    """Puts another parameter tree on every device of the encoder."""
    self._packed.set_params(params)
    self._origin = None  # What the folder holds is no longer what encodes.

  @property
  def tokenizer(self) -> Tokenizer:
    """The folder's tokenizer; `tokenize` gives what it makes of texts."""
    return self._tokenizer

  def encode(
    self,
    sentences: str | Iterable[str],
    prompt_name: str | None = None,
    prompt: str | None = None,
    batch_size: int | None = None,
    show_progress_bar: bool | None = False,
    *,
    normalize_embeddings: bool = False,
    truncate_dim: int | None = None,
    convert_to_numpy: bool = True,
    warn: bool = True,
    **others,
  ) -> np.ndarray | list[np.ndarray]:
    """Vectors of a sentence [D] or of N sentences [N, D], float32, in their order.

    `prompt` is put before each sentence. Without it that is the prompt called `prompt_name`, and
    without both the default one. `batch_size` is in sentences of 32 tokens a device.
    `show_progress_bar` None draws the bar on a terminal. `truncate_dim` keeps the first dimensions;
    as in sentence-transformers, only `normalize_embeddings` makes them of length 1.
    `convert_to_numpy` False gives a list of vectors. A sentence with more tokens than
    `max_seq_length` is cut; `warn` says on stderr how many were.
    """
    habits.check_arguments("encode", others, ENCODE_OPTIONS)
    single = isinstance(sentences, str)
    vectors_ND, cut = self.encode_counted(
      [sentences] if single else sentences,
      prompt=self._prompt(prompt, prompt_name),
      batch_size=batch_size,
      show_progress_bar=show_progress_bar,
      normalize_embeddings=normalize_embeddings,
      truncate_dim=truncate_dim,
    )
    if warn:
      self.say_cut(cut, len(vectors_ND))
    if single:
      return vectors_ND[0]
    return vectors_ND if convert_to_numpy else list(vectors_ND)

  def encode_query(self, sentences, prompt_name=None, prompt=None, **options):
    """`encode` for what is searched for, with the folder's prompt "query", or none."""
    if prompt_name is None:
      prompt_name = "query"
    return self.encode(sentences, prompt_name, prompt, **options)

  def encode_document(self, sentences, prompt_name=None, prompt=None, **options):
    """`encode` for what is searched in.

    With the first of the prompts "document", "passage" and "corpus" that the folder has; none where
    it has none of them.
    """
    if prompt_name is None:
      found = [name for name in DOCUMENT_PROMPTS if name in self.prompts]
      prompt_name = found[0] if found else DOCUMENT_PROMPTS[0]
    return self.encode(sentences, prompt_name, prompt, **options)

  def similarity(self, embeddings1, embeddings2) -> np.ndarray:
    """How near each of N vectors is to each of M: [N, M]; more is nearer."""
    return similarities.of_all(self.similarity_fn_name, embeddings1, embeddings2)

  def similarity_pairwise(self, embeddings1, embeddings2) -> np.ndarray:
    """How near each of N vectors is to the one of the same row: [N]; more is nearer."""
    return similarities.of_pairs(self.similarity_fn_name, embeddings1, embeddings2)

  def tokenize(self, texts: str | Iterable[str]) -> dict[str, np.ndarray]:
    """{"input_ids", "attention_mask"}, int32 [N, L]: the texts' ids, cut and padded; no prompt."""
    texts = _listed("tokenize", [texts] if isinstance(texts, str) else texts)
    tokens, _, _ = self._ids(texts)
    shape = (len(tokens), max(map(len, tokens), default=0))
    ids_NL = np.full(shape, self._tokenizer.special_ids.get("pad", 0), np.int32)
    mask_NL = np.zeros(shape, np.int32)
    for row, ids in enumerate(tokens):
      ids_NL[row, : len(ids)] = ids
      mask_NL[row, : len(ids)] = 1
    return {"input_ids": ids_NL, "attention_mask": mask_NL}

  def save(self, path: str | os.PathLike, **others) -> None:
    """Writes a folder that opens with the same vectors, here and in sentence-transformers.

    It has the folder's weights as they are stored, and the prompts, `max_seq_length` and
    `similarity_fn_name` that are set now. `truncate_dim` is given where a folder is opened. Raises
    InputError where `path` holds other files.
    """
    habits.check_arguments("save", others, ("path",))
    if self._origin is None:
      raise InputError("save needs an encoder of a folder; this one was made of parts in memory.")
    path = os.path.expanduser(path)
    if self.truncate_dim is not None:
      console.warn(f"{path}: truncate_dim is not written; give it where the folder is opened.")
    self._origin.write(
      path,
      max_length=self.max_seq_length,
      prompts=self.prompts,
      default_prompt=self.default_prompt_name,
      similarity=self.similarity_fn_name,
    )

  def encode_counted(
    self,
    sentences,
    *,
    prompt=None,
    batch_size=None,
    show_progress_bar=False,
    normalize_embeddings=False,
    truncate_dim=None,
  ):
    """As `encode` with a list; returns (vectors [N, D], how many of the sentences were cut)."""
    sentences = _listed("encode", sentences)
    checked_count("batch_size", batch_size)
    checked_count("truncate_dim", truncate_dim)
    prompt = self._prompt(prompt, None)
    tokens_per_device = 32 * batch_size if batch_size else TOKENS_PER_DEVICE
    vectors_ND = np.zeros((len(sentences), self._packed.module.out_width), np.float32)
    cut = 0
    with console.progress(unit="sentences", total=len(sentences), shown=show_progress_bar) as bar:
      chunk_size = self.chunk_size(tokens_per_device)
      for start in range(0, len(sentences), chunk_size):
        chunk = sentences[start : start + chunk_size]
        tokens, chunk_cut, longest = self._ids([prompt + sentence for sentence in chunk])
        vectors_ND[start : start + chunk_size] = self._packed.vectors(
          tokens, longest=longest, tokens_per_device=tokens_per_device
        )
        cut += chunk_cut
        bar.update(len(chunk))
    # Cut first: only then are the dimensions that are kept of length 1.
    vectors_ND = vectors_ND[:, : truncate_dim or self.truncate_dim]
    if normalize_embeddings:
      vectors_ND = unit(vectors_ND)
    return vectors_ND, cut

  def chunk_size(self, tokens_per_device=TOKENS_PER_DEVICE):
    """How many sentences are packed together: their vectors come at once, and the bar moves."""
    if not self._packed.on_cpu:
      return CHUNK
    return min(CHUNK, CHUNK_ON_CPU * max(1, tokens_per_device // TOKENS_PER_DEVICE))

  def say_cut(self, cut, count):
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


ENCODE_OPTIONS = tuple(inspect.signature(SentenceEncoder.encode).parameters)[1:-1]


def _listed(call, sentences):
  """The sentences as a list; raises InputError for what is no list of strings."""
  if isinstance(sentences, bytes | dict) or not isinstance(sentences, Iterable):
    raise InputError(f"{call} takes a string or a list of strings; got {type(sentences).__name__}.")
  sentences = list(sentences)
  for sentence in sentences:
    if not isinstance(sentence, str):
      raise InputError(f"{call} takes strings; got {type(sentence).__name__}.")
  return sentences
