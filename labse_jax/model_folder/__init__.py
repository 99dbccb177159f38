"""The one model format: a folder that sentence-transformers opens as it is."""

import dataclasses
import math
import pathlib

import numpy as np

from labse_jax.base import files
from labse_jax.base.errors import InputError, known
from labse_jax.base.files import read_json, write_json
from labse_jax.model_folder import sentence_modules, transformers_config, weights
from labse_jax.model_folder.tensor_file import FLOATS, Tensors, save
from labse_jax.tokenizer import settings as tokenizer_settings
from labse_jax.tokenizer.files import tokenizer_file
from labse_jax.tokenizer.tokenizer import SPECIAL, Tokenizer

TOKEN_NAMES = {  # transformers' names of the special tokens, ours.
  "pad_token": "pad",
  "unk_token": "unk",
  "cls_token": "cls",
  "sep_token": "sep",
  "mask_token": "mask",
  "bos_token": "cls",
  "eos_token": "sep",
}
LIMITS_OF = ("bert", "distilbert", "xlm-roberta")  # The first sentence-transformers named by type.
INT8_ROWS = "int8_rows"
DTYPES = {np.dtype(kind).name: kind for kind in FLOATS.values()} | {INT8_ROWS: np.float32}


@dataclasses.dataclass
class ModelFolder:
  """What a folder says: the `model` and `head` sections of a config, parameters, and limits.

  `dtype` is how the weights are stored: float32, float16, bfloat16, or int8_rows, which keeps the
  word table as int8 with a scale for each row and the rest in float32. `pooler` holds the tensors
  of BERT's own pooler, where the folder has one that its sentence vectors do not use.
  """

  model: dict
  head: dict
  params: dict | None
  tokenizer_file: pathlib.Path
  max_length: int
  prompts: dict = dataclasses.field(default_factory=dict)
  default_prompt: str | None = None
  dtype: str = "float32"
  pooler: dict = dataclasses.field(default_factory=dict)

  @property
  def prompt(self):
    """What is put before each text by default."""
    return self.prompts.get(self.default_prompt, "")


def write(folder, content):
  """Writes `folder` whole or not at all; the table's padding rows are cut."""
  known("dtype", content.dtype, DTYPES)
  with files.replacing_folder(folder, marker="modules.json") as partial:
    pad = _write_tokenizer(partial, content)
    _write_encoder(partial, content, pad)
    _write_modules(partial, content)
    (partial / "README.md").write_text("# A labse_jax model\n", encoding="utf-8")


def read(folder, *, pretraining=False):
  """Reads a folder of sentence-transformers, or of transformers alone; InputError if it is none.

  BERT, XLM-R, MPNet and DistilBERT are read. With `pretraining`, params["masked_lm"] is its head of
  masked language modelling, if it has one.
  """
  folder = pathlib.Path(folder)
  content = describe(folder)
  encoder, _, dense = sentence_modules.read(folder)
  tensors = Tensors(encoder)
  names = weights.NAMES[transformers_config.model_type(content.model)]
  content.params, content.pooler = weights.read(
    tensors, content.model, names, pretraining=pretraining
  )
  if dense:
    content.params["dense"] = sentence_modules.read_dense_params(
      dense, content.model["width"], content.head["dense"]
    )
  content.dtype = weights.stored_as(tensors)
  return content


def describe(folder):
  """The same without the tensors: `params` is None."""
  folder = pathlib.Path(folder)
  if not folder.is_dir():
    raise InputError(f"{folder}: no such folder; a model folder is needed.")
  encoder, head, dense = sentence_modules.read(folder)
  path = encoder / "config.json"
  if not path.is_file():
    raise InputError(f"{folder}: not a model folder (it has no {path.relative_to(folder)}).")
  config = read_json(path)
  model = transformers_config.model_of(config, path)
  stored = config.get("quantization_config") or {"quant_method": INT8_ROWS}
  if not isinstance(stored, dict) or stored.get("quant_method") != INT8_ROWS:
    raise InputError(f"{path}: quantised as {stored!r}; only {INT8_ROWS} is read.")
  if dense:
    head |= sentence_modules.read_dense(dense, model["width"])
  prompts, default_prompt = _read_prompts(folder / "config_sentence_transformers.json")
  return ModelFolder(
    model,
    head,
    None,
    tokenizer_file(encoder),
    _read_max_length(encoder, model),
    prompts,
    default_prompt,
  )


def _write_encoder(folder, content, pad):
  model, params = content.model, content.params
  kind = transformers_config.model_type(model)
  names, stored = weights.NAMES[kind], DTYPES[content.dtype]
  tensors = weights.views(params, model, names)
  prefix = names.prefix if "masked_lm" in params else ""
  tensors |= {prefix + name: value for name, value in _pooler(content, kind).items()}
  if content.dtype == INT8_ROWS:
    rows = weights.quantised(tensors.pop(prefix + weights.TABLE))
    tensors |= {prefix + name: value for name, value in rows.items()}

  def fit(value):
    return value if value.dtype == np.int8 else value.astype(stored, copy=False)

  save({name: fit(value) for name, value in tensors.items()}, folder / "model.safetensors")
  config = transformers_config.config_of(
    model, head="masked_lm" in params, dtype=np.dtype(stored).name, pad=pad
  )
  if content.dtype == INT8_ROWS:  # Or transformers would open it, with a table of random rows.
    config["quantization_config"] = {"quant_method": INT8_ROWS}
  write_json(folder / "config.json", config)


def _pooler(content, kind):
  """BERT's own pooler: LaBSE's dense layer, so that plain transformers gives the same vector."""
  head, dense = content.head, content.params.get("dense")
  square_cls = head["pooling"] == "cls" and head.get("dense") == content.model["width"]
  if content.pooler or kind == "distilbert" or not square_cls:
    return content.pooler
  if head.get("dense_activation", "tanh") != "tanh":
    return {}
  return dict(zip(weights.POOLER, (dense["kernel"].T, dense["bias"]), strict=True))


def _write_tokenizer(folder, content):
  """Writes the tokenizer's files; returns the id of its padding token, 0 if it has none."""
  tokenizer = Tokenizer(content.tokenizer_file)
  tokenizer.write(folder / "tokenizer.json")
  added = {token.content: i for i, token in tokenizer.backend.get_added_tokens_decoder().items()}
  old, names = tokenizer_settings.read(content.tokenizer_file.parent), {}
  for name, ours in TOKEN_NAMES.items():
    token = old.get(name) or next((one for one in SPECIAL[ours] if one in added), None)
    names[name] = token["content"] if isinstance(token, dict) else token
  # Any other class, or none, makes transformers build a tokenizer of its own with other ids.
  write_json(
    folder / "tokenizer_config.json",
    {
      "tokenizer_class": "PreTrainedTokenizerFast",
      "model_max_length": content.max_length,
      **{name: token for name, token in names.items() if token},
    },
  )
  return added.get(names["pad_token"], 0)


def _write_modules(folder, content):
  sentence_modules.write(folder, content.head, content.params.get("dense"), content.model["width"])
  write_json(
    folder / "sentence_bert_config.json",
    {"max_seq_length": content.max_length, "do_lower_case": False},
  )
  write_json(
    folder / "config_sentence_transformers.json",
    {
      "prompts": content.prompts,
      "default_prompt_name": content.default_prompt,
      "similarity_fn_name": "cosine",
    },
  )


def _read_prompts(path):
  """(prompts, the default one's name); a prompt of null is empty."""
  config = read_json(path, {})
  prompts, default = config.get("prompts") or {}, config.get("default_prompt_name")
  if not isinstance(prompts, dict) or not all(
    isinstance(text, str | None) for text in prompts.values()
  ):
    raise InputError(f"{path}: prompts is {prompts!r}; an object of texts is needed.")
  if default is not None and default not in [*prompts]:
    raise InputError(f"{path}: default_prompt_name is {default!r}; one of {sorted(prompts)}.")
  if config.get("truncate_dim") is not None:
    raise InputError(
      f"{path}: truncate_dim is not supported; take it away, and ask for "
      "truncate_dim where the vectors are made."
    )
  return {name: text or "" for name, text in prompts.items()}, default


def _read_max_length(encoder, model):
  paths = (encoder / f"sentence_{kind}_config.json" for kind in LIMITS_OF)
  path = next((path for path in paths if path.is_file()), encoder / "sentence_bert_config.json")
  limits = read_json(path, {})
  if limits.get("do_lower_case"):
    raise InputError(
      f"{path}: do_lower_case is not supported; put a Lowercase normalizer into tokenizer.json."
    )
  tokenizer = read_json(encoder / "tokenizer_config.json", {})
  length = limits.get("max_seq_length") or tokenizer.get("model_max_length") or math.inf
  if not isinstance(length, int | float) or not length >= 3:  # NaN is neither.
    raise InputError(f"{encoder}: max_seq_length is {length!r}; at least 3 is needed.")
  return int(min(length, model["positions"] - model["position_offset"]))
