"""The one model format: a folder that sentence-transformers opens as it is."""

import dataclasses
import math
import pathlib
from typing import Any

import numpy as np

from labse_jax.base import files, fingerprint
from labse_jax.base.errors import InputError, known
from labse_jax.base.files import read_json, write_json
from labse_jax.base.types import Params, PathLike
from labse_jax.model_folder import card, prompts, sentence_modules, transformers_config, weights
from labse_jax.model_folder.hub import located
from labse_jax.model_folder.tensor_file import FLOATS, Tensors, save
from labse_jax.model_folder.tensor_names import NAMES, POOLER, TABLE
from labse_jax.tokenizer import settings as tokenizer_settings
from labse_jax.tokenizer.files import tokenizer_file
from labse_jax.tokenizer.tokenizer import SPECIAL, Tokenizer

# transformers' names of the special tokens, and ours.
TOKEN_NAMES = {
  "pad_token": "pad",
  "unk_token": "unk",
  "cls_token": "cls",
  "sep_token": "sep",
  "mask_token": "mask",
  "bos_token": "cls",
  "eos_token": "sep",
}
# sentence-transformers' first releases named the file of limits by the model's type.
OLD_TYPES = ("bert", "distilbert", "xlm-roberta")
INT8_ROWS = "int8_rows"
DTYPES = {np.dtype(kind).name: kind for kind in FLOATS.values()} | {INT8_ROWS: np.float32}


@dataclasses.dataclass
class ModelFolder:
  """The content of a model folder: the `model` and `head` sections of a config, parameters, limits.

  `params` is empty where the tensors were not read. `dtype` is how the weights are stored: float32,
  float16, bfloat16, or int8_rows. int8_rows keeps the word table as int8 with a scale for each row,
  and the rest in float32. `pooler` holds the tensors of BERT's own pooler where the folder has one
  that its sentence vectors do not use. `similarity` names what its vectors are compared by, one of
  prompts.SIMILARITIES. `about` is what its card will say of it; a folder that is read leaves it
  empty.
  """

  model: dict[str, Any]
  head: dict[str, Any]
  params: Params
  tokenizer_file: pathlib.Path
  max_length: int
  prompts: dict[str, str] = dataclasses.field(default_factory=dict)
  default_prompt: str | None = None
  dtype: str = "float32"
  pooler: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
  similarity: str = "cosine"
  about: card.About = card.About()

  @property
  def prompt(self) -> str:
    """What is put before each text by default."""
    if self.default_prompt is None:
      return ""
    return self.prompts.get(self.default_prompt, "")

  @property
  def vector_width(self) -> int:
    """The dimensions of a sentence's vector."""
    return self.head.get("dense") or self.model["width"]


def write(folder: PathLike, content: ModelFolder) -> None:
  """Writes `folder` whole or not at all. The padding rows of the word table are left out."""
  known("dtype", content.dtype, DTYPES)
  with files.replacing_folder(folder, marker="modules.json") as partial:
    pad = _write_tokenizer(partial, content)
    _write_encoder(partial, content, pad)
    _write_modules(partial, content)
    card.write(partial, content, content.about)


def write_card(folder: pathlib.Path, about: card.About) -> None:
  """Writes the card of a model folder anew, when more is known of its model than before."""
  stored = weights.stored_as(Tensors(folder))
  card.write(folder, dataclasses.replace(describe(folder), dtype=stored), about)


def read(folder: PathLike, *, pretraining: bool = False) -> ModelFolder:
  """Reads a folder of sentence-transformers, or of transformers alone; InputError if it is none.

  It reads BERT, XLM-R, MPNet and DistilBERT. With `pretraining`, params["masked_lm"] is the head of
  masked language modelling, if the folder has one. `folder` may be a model's name on the Hugging
  Face hub (`hub.located`).
  """
  folder = located(folder)
  content = describe(folder)
  encoder, _, dense = sentence_modules.read(folder)
  tensors = Tensors(encoder)
  names = NAMES[transformers_config.model_type(content.model)]
  content.params, content.pooler = weights.read(
    tensors, content.model, names, pretraining=pretraining
  )
  if dense:
    content.params["dense"] = sentence_modules.read_dense_params(
      dense, content.model["width"], content.head["dense"]
    )
  content.dtype = weights.stored_as(tensors)
  return content


def describe(folder: PathLike) -> ModelFolder:
  """Reads a folder as `read` does, but without the tensors: `params` is empty."""
  folder = located(folder)
  encoder, head, dense = sentence_modules.read(folder)
  path = encoder / "config.json"
  if not path.is_file():
    raise InputError(f"{folder}: not a model folder (it has no {path.relative_to(folder)}).")
  config = read_json(path)
  if "model_type" not in config and (folder / "model" / "modules.json").is_file():
    raise InputError(f"{folder}: this is the workdir of a run; its model is {folder / 'model'}.")
  model = transformers_config.model_of(config, path)
  # The tensors of any other method of quantisation would be read as plain numbers.
  stored = config.get("quantization_config") or {"quant_method": INT8_ROWS}
  if not isinstance(stored, dict) or stored.get("quant_method") != INT8_ROWS:
    raise InputError(f"{path}: quantised as {stored!r}; only {INT8_ROWS} is read.")
  if dense:
    head |= sentence_modules.read_dense(dense, model["width"])
  own_prompts, default_prompt, similarity = prompts.read(folder)
  return ModelFolder(
    model=model,
    head=head,
    params={},
    tokenizer_file=tokenizer_file(encoder),
    max_length=_read_max_length(encoder, model),
    prompts=own_prompts,
    default_prompt=default_prompt,
    similarity=similarity,
  )


def fingerprint_of(folder: PathLike) -> str:
  """A hash of all that a model folder's vectors depend on; `folder` is as in `read`."""
  return fingerprint.model(located(folder))


def _write_encoder(folder, content, pad):
  kind = transformers_config.model_type(content.model)
  names = NAMES[kind]
  has_head = "masked_lm" in content.params
  prefix = names.prefix if has_head else ""
  tensors = weights.views(content.params, content.model, names)
  for name, value in _pooler(content, kind).items():
    tensors[prefix + name] = value
  if content.dtype == INT8_ROWS:
    rows = weights.quantised(tensors.pop(prefix + TABLE))
    for name, value in rows.items():
      tensors[prefix + name] = value

  stored = DTYPES[content.dtype]
  for name, value in tensors.items():
    if value.dtype != np.int8:
      tensors[name] = value.astype(stored, copy=False)
  save(tensors, folder / "model.safetensors")

  dtype = np.dtype(stored).name
  config = transformers_config.config_of(content.model, head=has_head, dtype=dtype, pad=pad)
  if content.dtype == INT8_ROWS:  # Or transformers would open it, with a table of random rows.
    config["quantization_config"] = {"quant_method": INT8_ROWS}
  write_json(folder / "config.json", config)


def _pooler(content, kind):
  """The tensors of BERT's own pooler.

  A dense layer like LaBSE's is written as the pooler too, so that transformers alone gives the same
  vector.
  """
  head = content.head
  square_cls = head["pooling"] == "cls" and head.get("dense") == content.model["width"]
  if content.pooler or kind == "distilbert" or not square_cls:
    return content.pooler
  if head.get("dense_activation", "tanh") != "tanh":
    return {}
  dense = content.params["dense"]
  weight, bias = POOLER
  return {weight: dense["kernel"].T, bias: dense["bias"]}


def _write_tokenizer(folder, content):
  """Writes the tokenizer's files and returns the id of its padding token, 0 if it has none."""
  tokenizer = Tokenizer(content.tokenizer_file)
  tokenizer.write(folder / "tokenizer.json")
  added = {token.content: i for i, token in tokenizer.backend.get_added_tokens_decoder().items()}
  settings = tokenizer_settings.read(content.tokenizer_file.parent)
  # Any other class, or none, makes transformers build a tokenizer of its own with other ids.
  config = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "model_max_length": content.max_length,
  }
  for name, ours in TOKEN_NAMES.items():
    token = _special_token(settings.get(name), SPECIAL[ours], added)
    if token:
      config[name] = token
  write_json(folder / "tokenizer_config.json", config)
  return added.get(config.get("pad_token", ""), 0)


def _special_token(setting, spellings, added):
  """A special token's text: as the settings have it, else the first spelling that was added."""
  if setting:
    return setting["content"] if isinstance(setting, dict) else setting
  for spelling in spellings:
    if spelling in added:
      return spelling
  return None


def _write_modules(folder, content):
  sentence_modules.write(folder, content.head, content.params.get("dense"), content.model["width"])
  write_json(
    folder / "sentence_bert_config.json",
    {"max_seq_length": content.max_length, "do_lower_case": False},
  )
  prompts.write(folder, content.prompts, content.default_prompt, content.similarity)


def _read_max_length(encoder, model):
  """The most tokens of a text: as the folder says, and no more than the model has positions."""
  path = _limits_file(encoder)
  limits = read_json(path, {})
  if limits.get("do_lower_case"):
    raise InputError(
      f"{path}: do_lower_case is not supported; put a Lowercase normalizer into tokenizer.json."
    )
  tokenizer = read_json(encoder / "tokenizer_config.json", {})
  length = limits.get("max_seq_length") or tokenizer.get("model_max_length") or math.inf
  if not isinstance(length, int | float) or not length >= 3:  # NaN is not >= 3.
    raise InputError(f"{encoder}: max_seq_length is {length!r}; at least 3 is needed.")
  return int(min(length, model["positions"] - model["position_offset"]))


def _limits_file(encoder):
  for kind in OLD_TYPES:
    path = encoder / f"sentence_{kind}_config.json"
    if path.is_file():
      return path
  return encoder / "sentence_bert_config.json"
