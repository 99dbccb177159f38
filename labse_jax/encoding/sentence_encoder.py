"""Sentences to vectors: the class that people use."""

from collections.abc import Iterable
import os
import typing

import jax
import numpy as np
from numpy.typing import ArrayLike

from labse_jax.base import console
from labse_jax.base.errors import InputError
from labse_jax.base.sharding import cache_compilations
from labse_jax.base.types import Params, PathLike
from labse_jax.encoding import calls, similarities
from labse_jax.encoding.chunked_encoder import ChunkedEncoder
from labse_jax.encoding.origin import Origin, opened
from labse_jax.encoding.texts import listed, padded
from labse_jax.model_folder.hub import checked_name
from labse_jax.model_folder.prompts import checked as checked_prompts
from labse_jax.model_folder.prompts import role_name
from labse_jax.models.heads import SentenceModel
from labse_jax.tokenizer.tokenizer import Tokenizer

# What arguments are called elsewhere: in sentence-transformers, and here before.
OPENING_NAMES = {"model_name_or_path": "folder", "precision": "dtype"}
ENCODE_NAMES = {"inputs": "sentences"}


class SentenceEncoder(ChunkedEncoder):
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

  _origin: Origin | None

  @calls.checked("SentenceEncoder", other_names=OPENING_NAMES)
  def __init__(
    self,
    folder: PathLike,
    *,
    dtype: str = "float32",
    prompts: dict[str, str] | None = None,
    default_prompt_name: str | None = None,
    similarity_fn_name: str | None = None,
    truncate_dim: int | None = None,
  ) -> None:
    """Opens a folder of sentence-transformers or transformers; raises InputError if it is none.

    Warns on stderr where a well-known model lacks what its makers use with it, such as a prompt:
    its vectors then look right and are not.
    """
    cache_compilations()
    content, module, tokenizer, origin = opened(folder, dtype)
    self._assemble(
      module,
      tokenizer,
      max_length=content.max_length,
      prompts=content.prompts | checked_prompts({} if prompts is None else prompts),
      default_prompt=default_prompt_name or content.default_prompt,
    )
    self.similarity_fn_name = similarity_fn_name or content.similarity
    self.truncate_dim = truncate_dim
    self.set_params(content.params)
    self._origin = origin

  @classmethod
  @calls.checked("SentenceEncoder", other_names=OPENING_NAMES)
  def load(
    cls,
    folder: PathLike,
    *,
    dtype: str = "float32",
    prompts: dict[str, str] | None = None,
    default_prompt_name: str | None = None,
    similarity_fn_name: str | None = None,
    truncate_dim: int | None = None,
  ) -> typing.Self:
    """The same as SentenceEncoder(folder, ...)."""
    return cls(
      folder,
      dtype=dtype,
      prompts=prompts,
      default_prompt_name=default_prompt_name,
      similarity_fn_name=similarity_fn_name,
      truncate_dim=truncate_dim,
    )

  @classmethod
  def of_parts(
    cls,
    module: SentenceModel,
    params: Params | None,
    tokenizer: Tokenizer,
    *,
    max_length: int,
    prompts: dict[str, str] | None = None,
    default_prompt: str | None = None,
    mesh: jax.sharding.Mesh | None = None,
  ) -> typing.Self:
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

  def _assemble(self, module, tokenizer, **settings):
    super().__init__(module, tokenizer, **settings)
    self._origin = None
    self._told_of_role = False

  def __repr__(self) -> str:
    about = {"folder": str(self._origin.folder) if self._origin else None} | self._about()
    return f"SentenceEncoder({', '.join(f'{name}={value!r}' for name, value in about.items())})"

  def set_params(self, params: Params) -> None:
    """Puts another parameter tree on every device of the encoder."""
    super().set_params(params)
    self._origin = None  # What the folder holds is no longer what encodes.

  @typing.overload
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
    convert_to_numpy: typing.Literal[True] = True,
    warn: bool = True,
  ) -> np.ndarray: ...
  @typing.overload
  def encode(
    self,
    sentences: list[str] | tuple[str, ...],
    prompt_name: str | None = None,
    prompt: str | None = None,
    batch_size: int | None = None,
    show_progress_bar: bool | None = False,
    *,
    normalize_embeddings: bool = False,
    truncate_dim: int | None = None,
    convert_to_numpy: typing.Literal[False],
    warn: bool = True,
  ) -> list[np.ndarray]: ...
  @typing.overload
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
    convert_to_numpy: bool,
    warn: bool = True,
  ) -> np.ndarray | list[np.ndarray]: ...
  @calls.checked("encode", other_names=ENCODE_NAMES)
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
  ) -> np.ndarray | list[np.ndarray]:
    """Vectors of a sentence [D] or of N sentences [N, D], float32, in their order.

    `prompt` is put before each sentence. Without it that is the prompt called `prompt_name`, and
    without both the default one. `batch_size` is in sentences of 32 tokens a device.
    `show_progress_bar` None draws the bar on a terminal. `truncate_dim` keeps the first dimensions;
    as in sentence-transformers, only `normalize_embeddings` makes them of length 1.
    `convert_to_numpy` False gives a list of vectors. A sentence with more tokens than
    `max_seq_length` is cut; `warn` says on stderr how many were.
    """
    single = isinstance(sentences, str)
    vectors_ND, cut = self.encode_counted(
      sentences,
      prompt=self.prompt_of(prompt, prompt_name),
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

  @calls.checked("encode_query", like=encode, other_names=ENCODE_NAMES)
  def encode_query(
    self,
    sentences: str | Iterable[str],
    prompt_name: str | None = None,
    *others: object,
    **options: object,
  ) -> np.ndarray | list[np.ndarray]:
    """`encode` for what is searched for, with the folder's prompt "query", or none."""
    return self._encode_in_role("query", sentences, prompt_name, *others, **options)

  @calls.checked("encode_document", like=encode, other_names=ENCODE_NAMES)
  def encode_document(
    self,
    sentences: str | Iterable[str],
    prompt_name: str | None = None,
    *others: object,
    **options: object,
  ) -> np.ndarray | list[np.ndarray]:
    """`encode` for what is searched in.

    With the first of the prompts "document", "passage" and "corpus" that the folder has; none where
    it has none of them.
    """
    return self._encode_in_role("document", sentences, prompt_name, *others, **options)

  def _encode_in_role(self, role, sentences, prompt_name, *others, **options):
    if prompt_name is None:
      prompt_name = role_name(role, self.prompts) or role
      prompt = others[0] if others else options.get("prompt")
      if prompt is None and options.get("warn", True):
        self._warn_of_role(role, self.prompt_of(None, prompt_name))
    return self.encode(sentences, prompt_name, *others, **options)

  def role_prompt(self, role: str) -> str:
    """The folder's prompt for texts of a role, "query" or "document", or else its default one.

    Warns on stderr, once, where that is not what a well-known model needs.
    """
    prompt = self.prompt_of(None, role_name(role, self.prompts))
    self._warn_of_role(role, prompt)
    return prompt

  def _warn_of_role(self, role, prompt):
    warning = self._origin and self._origin.role_warning(role, prompt)
    if warning and not self._told_of_role:
      self._told_of_role = True
      console.warn(warning)

  def similarity(self, embeddings1: ArrayLike, embeddings2: ArrayLike) -> np.ndarray:
    """How near each of N vectors is to each of M: [N, M]; more is nearer."""
    return similarities.of_all(self.similarity_fn_name, embeddings1, embeddings2)

  def similarity_pairwise(self, embeddings1: ArrayLike, embeddings2: ArrayLike) -> np.ndarray:
    """How near each of N vectors is to the one of the same row: [N]; more is nearer."""
    return similarities.of_pairs(self.similarity_fn_name, embeddings1, embeddings2)

  def tokenize(self, texts: str | Iterable[str]) -> dict[str, np.ndarray]:
    """{"input_ids", "attention_mask"}, int32 [N, L]: the texts' ids, cut and padded; no prompt."""
    tokens, _, _ = self._ids(listed("tokenize", texts))
    return padded(tokens, self._tokenizer.special_ids.get("pad", 0))

  @calls.checked("save")
  def save(self, path: PathLike) -> None:
    """Writes a folder that opens with the same vectors, here and in sentence-transformers.

    It has the folder's weights as they are stored, and the prompts, `max_seq_length` and
    `similarity_fn_name` that are set now. `truncate_dim` is given where a folder is opened. Raises
    InputError where `path` holds other files.
    """
    if self._origin is None:
      raise InputError("save needs an encoder of a folder; this one was made of parts in memory.")
    path = os.path.expanduser(checked_name(path))
    if self.truncate_dim is not None:
      console.warn(f"{path}: truncate_dim is not written; give it where the folder is opened.")
    self._origin.write(
      path,
      max_length=self.max_seq_length,
      prompts=self.prompts,
      default_prompt=self.default_prompt_name,
      similarity=self.similarity_fn_name,
    )
