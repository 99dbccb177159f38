"""What can be read from a SentenceEncoder and set on it; each value is checked when it is set."""

import operator
from typing import TYPE_CHECKING, NoReturn

import jax

from labse_jax.base.errors import InputError, known, nearest, unicode_text
from labse_jax.base.types import Params
from labse_jax.encoding import habits
from labse_jax.encoding.packed_forward import PackedForward
from labse_jax.model_folder.prompts import SIMILARITIES, check_default, checked
from labse_jax.model_folder.transformers_config import title

# sentence-transformers' models always have these two; they are empty where a folder lacks them.
USUAL_PROMPTS = {"query": "", "document": ""}


class EncoderSettings:
  """The settings of an encoder of the PackedForward `packed`, which are kept under its names."""

  def __init__(
    self,
    packed: PackedForward,
    *,
    max_length: int,
    prompts: dict[str, str],
    default_prompt: str | None,
  ) -> None:
    self._packed = packed
    self._default_prompt_name: str | None = None
    self._similarity_fn_name = SIMILARITIES[0]
    self._truncate_dim: int | None = None
    self.max_seq_length = max_length
    self.prompts = prompts
    self.default_prompt_name = default_prompt

  # Type checkers must not see these two: they would take a class that has them to have every name.
  if not TYPE_CHECKING:

    def __getattr__(self, name: str) -> NoReturn:
      """Is called for a name that there is not; says what to do instead."""
      # A name of None keeps Python from adding a hint of its own behind ours, which may be another.
      raise AttributeError(habits.no_attribute(name, _names(self)), name=None, obj=self)

    def __setattr__(self, name: str, value: object) -> None:
      # A setting that is spelt wrongly must not be passed over, nor a method be lost.
      if not name.startswith("_") and name not in _settable(self):
        raise AttributeError(habits.no_setting(name, _names(self), _settable(self)))
      object.__setattr__(self, name, value)

  @property
  def max_seq_length(self) -> int:
    """The most tokens of a sentence; what is longer is cut. It can be set."""
    return self._max_seq_length

  @max_seq_length.setter
  def max_seq_length(self, value: int) -> None:
    longest = self._packed.module.bert.longest
    if not 3 <= _whole("max_seq_length", value) <= longest:
      raise InputError(
        f"max_seq_length = {value}; 3 to {longest} are allowed, the positions that the model has."
      )
    self._max_seq_length = int(value)

  @property
  def truncate_dim(self) -> int | None:
    """How many of each vector's dimensions are kept; None keeps all. It can be set."""
    return self._truncate_dim

  @truncate_dim.setter
  def truncate_dim(self, value: int | None) -> None:
    self._truncate_dim = self._checked_dim(value)

  def _checked_dim(self, value: int | None) -> int | None:
    return checked_count("truncate_dim", value, self._packed.module.out_width)

  @property
  def prompts(self) -> dict[str, str]:
    """{name: what is put before each text}. It can be set."""
    return self._prompts

  @prompts.setter
  def prompts(self, value: dict[str, str]) -> None:
    value = checked(value)
    if self._default_prompt_name is not None and self._default_prompt_name not in value:
      raise InputError(
        f"The default prompt {self._default_prompt_name!r} is not among the prompts "
        f"{sorted(value)}; set default_prompt_name to None first."
      )
    self._prompts = value

  @property
  def default_prompt_name(self) -> str | None:
    """The name of the prompt that `encode` takes where none is given; None: none. It can be set."""
    return self._default_prompt_name

  @default_prompt_name.setter
  def default_prompt_name(self, value: str | None) -> None:
    check_default(value, self._prompts)
    self._default_prompt_name = value

  @property
  def similarity_fn_name(self) -> str:
    """What `similarity` computes: cosine, dot, euclidean or manhattan. It can be set."""
    return self._similarity_fn_name

  @similarity_fn_name.setter
  def similarity_fn_name(self, value: str) -> None:
    self._similarity_fn_name = known("similarity_fn_name", value, SIMILARITIES)

  @property
  def dimension(self) -> int:
    """The dimensions of the vectors that `encode` gives."""
    return self.truncate_dim or self._packed.module.out_width

  def get_embedding_dimension(self) -> int:
    """The same as `dimension`, as sentence-transformers calls it."""
    return self.dimension

  def get_sentence_embedding_dimension(self) -> int:
    """The older name of get_embedding_dimension."""
    return self.get_embedding_dimension()

  @property
  def device(self) -> jax.Device:
    """The first of the JAX devices that are used; all of this machine's are."""
    return self._packed.mesh.devices.flat[0]

  @property
  def dtype(self) -> str:
    """The type of the numbers that the model computes with, "float32" or "bfloat16"."""
    return self._packed.module.bert.dtype

  @property
  def params(self) -> Params:
    """The weights: a tree of JAX arrays; empty until they are set."""
    return self._packed.params

  def _about(self):
    """What a person wants to see of an encoder: {name: value}."""
    module = self._packed.module
    sizes = ("types", "position_offset", "relative_buckets")
    return {
      "kind": title({name: getattr(module.bert, name) for name in sizes}),
      "pooling": module.pooling,
      "dimension": self.dimension,
      "max_seq_length": self.max_seq_length,
      "prompts": self.prompts,
      "default_prompt_name": self.default_prompt_name,
      "dtype": self.dtype,
    }

  def prompt_of(self, prompt: str | None = None, prompt_name: str | None = None) -> str:
    """What is put before each text: `prompt`, else the one of that name, else the default one."""
    if prompt is not None:
      if not isinstance(prompt, str):
        raise InputError(f"prompt is a text; got {prompt!r}. prompt_name takes the name of one.")
      return unicode_text(prompt, "prompt: ")
    name = self.default_prompt_name if prompt_name is None else prompt_name
    if name is None:
      return ""
    prompts = USUAL_PROMPTS | self.prompts
    if name not in list(prompts):  # It may be anything, also what has no hash.
      raise InputError(_no_prompt(name, self.prompts))
    return prompts[name]


def checked_count(name: str, value: int | None, most: int | None = None) -> int | None:
  """`value` if it is None or a whole number from 1 to `most`; else raises InputError."""
  if value is None:
    return value
  if _whole(name, value) < 1:
    raise InputError(f"{name} = {value}; it must be at least 1.")
  if most is not None and value > most:
    raise InputError(f"{name} = {value}; at most {most} is allowed, the dimensions that there are.")
  return value


def _no_prompt(name, prompts):
  """The message for the name of a prompt that there is not; `prompts` are those of the encoder."""
  hint = nearest(name, USUAL_PROMPTS | prompts) or "."
  named = f"The prompts are {sorted(prompts)}" if prompts else "There are no prompts"
  empty = [repr(usual) for usual in USUAL_PROMPTS if usual not in prompts]
  if empty:
    named += f" ({' and '.join(empty)} may be asked for too, and would be empty)"
  return f'Unknown prompt_name {name!r}{hint} {named}; or give prompt="{name}: ".'


def _whole(name, value):
  try:
    return operator.index(value)
  except TypeError:
    raise InputError(f"{name} = {value!r}; a whole number is needed.") from None


def _names(encoder):
  """The public names of an encoder."""
  return [name for name in dir(type(encoder)) if not name.startswith("_")]


def _settable(encoder):
  """The public names of an encoder that can be set: properties that have a setter."""
  kind = type(encoder)
  return [name for name in _names(encoder) if getattr(getattr(kind, name), "fset", None)]
