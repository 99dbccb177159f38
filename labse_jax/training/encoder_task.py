"""What every task has in common: its tokenizer, and its encoder as a folder and for evaluation."""

import abc
from collections.abc import Mapping
import pathlib
from typing import TYPE_CHECKING, TypedDict

import jax
import numpy as np

from labse_jax import model_folder
from labse_jax.base import fingerprint, plugins
from labse_jax.base.errors import InputError, known
from labse_jax.base.types import Config, Params, PathLike
from labse_jax.data.dataset import check_folder
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.model_folder.card import About
from labse_jax.models import heads
from labse_jax.tokenizer.files import tokenizer_file
from labse_jax.tokenizer.tokenizer import Tokenizer

if TYPE_CHECKING:
  import grain

PLUGINS = ("task", "loss")  # The fields that name one; a changed file is another run.


class Limits(TypedDict):
  """What a config says of an encoder's input, as a ModelFolder has it."""

  max_length: int
  prompts: dict[str, str]
  default_prompt: str | None


class EncoderTask(abc.ABC):
  """A task whose parameters hold those of the sentence encoder `self.module`.

  The config's `prompts`, `default_prompt` and `max_length` mean what they mean in a ModelFolder.
  A task adds to this the abstract methods, which the trainer calls.
  """

  refresh_every: int = 0  # Steps after which `refreshed` changes the batches; 0: never.
  # Parts of the parameters that are other models': {name: model folder}.
  other_models: Mapping[str, PathLike] = {}
  # Whether the loss reads only the batch's rows of the word table, as row-sparse AdamW needs it.
  looks_up_only: bool = False

  def __init__(self, config: Config) -> None:
    self.config = config
    self.model = config.model.to_dict()
    self.head = config.head.to_dict()
    self.module = heads.build(
      self.model,
      self.head,
      dtype=config.dtype,
      attention=config.get("attention", "auto"),
      remat=config.remat,
      unroll=config.get("unroll", False),
    )
    prompts = dict(config.get("prompts", {}))
    name = config.get("default_prompt") or None
    self.prompt = prompts[known("default_prompt", name, prompts)] if name else ""
    self.limits = Limits(
      max_length=config.get("max_length", config.length), prompts=prompts, default_prompt=name
    )
    self._encoder: SentenceEncoder | None = None

  @abc.abstractmethod
  def batches(self) -> "grain.IterDataset":
    """This host's batches, whose iterator can be saved and set back."""

  @abc.abstractmethod
  def batch_shapes(self) -> dict[str, jax.ShapeDtypeStruct]:
    """The global batch, without the data or the tokenizer."""

  @abc.abstractmethod
  def init(self, key: jax.Array) -> Params:
    """Fresh parameters."""

  @abc.abstractmethod
  def loss_fn(
    self, params: Params, batch: dict[str, jax.Array], key: jax.Array
  ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """(loss, metrics) of a global batch; `tokens`, and `pairs` where it has some, are metrics."""

  def without_gradient(self, params: Params, batch: dict[str, jax.Array]) -> jax.Array | None:
    """What `loss_fn` computes that no parameter is trained by: a teacher's vectors."""
    del params, batch
    return None

  def tokenizer(self) -> Tokenizer:
    """The tokenizer of config.tokenizer; raises where it does not fit the model."""
    tokenizer = Tokenizer(tokenizer_file(self.config.tokenizer))
    if len(tokenizer) > self.model["vocab_size"]:
      raise InputError(
        f"{tokenizer.path} has {len(tokenizer):,} entries; model.vocab_size is only "
        f"{self.model['vocab_size']:,}; add --config.model.vocab_size={len(tokenizer)}."
      )
    return tokenizer

  def datasets(self) -> list[str]:
    """The folders of the config that hold data."""
    return [self.config.data]

  def fingerprints(self) -> list[str]:
    """The hashes of `hashed`, which a run's config.json keeps."""
    return [found for _, found in self.hashed()]

  def hashed(self) -> list[tuple[str, str]]:
    """[(path, hash)] of what the config only names: data, vocabulary, a person's own plug-ins."""
    for folder in self.datasets():
      check_folder(folder)
    found = [(str(folder), fingerprint.dataset_sample(folder)) for folder in self.datasets()]
    path = self.tokenizer().path
    found.append((str(path), fingerprint.of_bytes(path.read_bytes())))
    for name in PLUGINS:
      plugin = self.config.get(name, "")
      content = plugins.content_hash(plugin)
      if content is not None:
        found.append((plugin, content))
    return found

  def refreshed(
    self,
    data: "grain.DatasetIterator",
    step: int,
    workdir: pathlib.Path,
    params: Params | None = None,
  ) -> "grain.DatasetIterator":
    """The iterator that gives the batches from `step` on: `data` itself, unless a task says else.

    A task whose batches depend on the model makes them by `params`, its parameters at `step`.
    Where a run goes on there are none: the batches are then as they were last made.
    """
    return data

  def encoder(self, params: Params) -> SentenceEncoder:
    """The parameters as a SentenceEncoder on this host's devices, for evaluation in between."""
    if self._encoder is None:  # One for the whole run: it compiles once.
      self._encoder = SentenceEncoder.of_parts(self.module, None, self.tokenizer(), **self.limits)
    self._encoder.set_params(self.own(params))
    return self._encoder

  def own(self, params: Params) -> Params:
    """The parameters without those of other models."""
    return {name: value for name, value in params.items() if name not in self.other_models}

  def export(self, params: Params, folder: PathLike, about: About) -> None:
    """Writes the model folder; `about` is what its card says of it."""
    model_folder.write(
      folder,
      model_folder.ModelFolder(
        self.model,
        self.head,
        jax.tree.map(np.asarray, self.own(params)),
        tokenizer_file(self.config.tokenizer),
        about=about,
        **self.limits,
      ),
    )
