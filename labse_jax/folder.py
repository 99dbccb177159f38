"""The one model format: a folder that sentence-transformers opens as it is."""

import dataclasses
import json
import math
import pathlib
import shutil

import numpy as np
from safetensors.numpy import save_file

from labse_jax import files
from labse_jax.errors import InputError, known
from labse_jax.models.bert import ACTIVATIONS
from labse_jax.models.heads import POOLING
from labse_jax.weights import (
  TensorFile,
  bert_to_tensors,
  head_to_tensors,
  tensors_to_bert,
  tensors_to_head,
)

MODULE = "sentence_transformers.models."
MODULES = ("Transformer", "Pooling", "Dense", "Normalize")  # In this order.
POOLING_KEYS = {
  "cls": "pooling_mode_cls_token",
  "max": "pooling_mode_max_tokens",
  "mean": "pooling_mode_mean_tokens",
}
DENSE_ACTIVATIONS = {
  "tanh": "torch.nn.modules.activation.Tanh",
  "identity": "torch.nn.modules.linear.Identity",
}
SPECIAL = {  # The names that transformers looks up, and BERT's tokens for them.
    "pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]",
    "mask_token": "[MASK]", "bos_token": "[CLS]", "eos_token": "[SEP]"}  # fmt: skip
CONFIG_KEYS = {  # Ours, Hugging Face's.
  "vocab_size": "vocab_size",
  "width": "hidden_size",
  "depth": "num_hidden_layers",
  "heads": "num_attention_heads",
  "mlp_width": "intermediate_size",
  "positions": "max_position_embeddings",
  "types": "type_vocab_size",
  "dropout": "hidden_dropout_prob",
  "epsilon": "layer_norm_eps",
  "activation": "hidden_act",
}


@dataclasses.dataclass
class ModelFolder:
  """What a folder says: the `model` and `head` sections of a config, parameters, and limits."""

  model: dict
  head: dict
  params: dict
  tokenizer_file: pathlib.Path
  max_length: int
  prompts: dict = dataclasses.field(default_factory=dict)
  default_prompt: str | None = None


def write(folder, content):
  """Writes `folder` whole or not at all; the table's padding rows are cut."""
  with files.replacing_folder(folder, marker="modules.json") as partial:
    _write_encoder(partial, content)
    _write_tokenizer(partial, content)
    _write_modules(partial, content)
    (partial / "README.md").write_text("# A labse_jax model\n", encoding="utf-8")


def read(folder, *, pretraining=False):
  """Reads a sentence-transformers folder of a BERT; raises InputError for anything else.

  A folder of transformers alone (no modules.json) is read with mean pooling, as
  sentence-transformers reads it. With `pretraining`, params["masked_lm"] is its head of masked
  language modelling, if it has one.
  """
  folder = pathlib.Path(folder)
  if not folder.is_dir():
    raise InputError(f"{folder}: no such folder; a model folder is needed.")
  encoder, head, dense = _read_modules(folder)
  model = _read_model(encoder / "config.json", folder)
  params = _read_params(encoder / "model.safetensors", model, pretraining)
  if dense:
    params["dense"] = _read_dense(dense, head, model["width"])
  prompts = _read_json(folder / "config_sentence_transformers.json", {})
  return ModelFolder(
      model, head, params, encoder / "tokenizer.json", _read_max_length(encoder, model),
      prompts.get("prompts") or {}, prompts.get("default_prompt_name"))  # fmt: skip


def _write_json(path, value):
  path.parent.mkdir(exist_ok=True)
  path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _read_json(path, default=None, kind=dict):
  if default is not None and not path.exists():
    return default
  try:
    value = json.loads(path.read_text(encoding="utf-8"))
  except (OSError, ValueError) as error:
    raise InputError(f"{path}: cannot be read as JSON ({error}).") from error
  if not isinstance(value, kind):
    raise InputError(f"{path}: holds a {type(value).__name__}; a {kind.__name__} is needed.")
  return value


def _take(values, path, *keys):
  missing = [key for key in keys if key not in values]
  if missing:
    raise InputError(f"{path}: lacks {missing}.")
  return [values[key] for key in keys]


def _write_encoder(folder, content):
  model = content.model
  tensors = bert_to_tensors(content.params["bert"], model)
  square_cls = content.head["pooling"] == "cls" and content.head.get("dense") == model["width"]
  if square_cls and content.head.get("dense_activation") == "tanh":
    # BERT's own pooler is this very layer: plain transformers then gives the same vector.
    tensors["pooler.dense.weight"] = np.ascontiguousarray(content.params["dense"]["kernel"].T)
    tensors["pooler.dense.bias"] = np.asarray(content.params["dense"]["bias"])
  kind = "BertModel"
  if "masked_lm" in content.params:
    kind = "BertForMaskedLM"
    tensors = {f"bert.{name}": tensor for name, tensor in tensors.items()}
    tensors |= head_to_tensors(content.params["masked_lm"], model)
  save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
  _write_json(folder / "config.json", {
      "architectures": [kind], "model_type": "bert", "pad_token_id": 0,
      "torch_dtype": "float32",
      "attention_probs_dropout_prob": model["dropout"],
      **{theirs: model[ours] for ours, theirs in CONFIG_KEYS.items()}})  # fmt: skip


def _write_tokenizer(folder, content):
  shutil.copyfile(content.tokenizer_file, folder / "tokenizer.json")
  added = {token["content"] for token in _read_json(folder / "tokenizer.json")["added_tokens"]}
  old = _read_json(content.tokenizer_file.with_name("tokenizer_config.json"), {})
  names = {}
  for name, default in SPECIAL.items():
    token = old.get(name) or (default if default in added else None)
    names[name] = token["content"] if isinstance(token, dict) else token
  # Any other class, or none, makes transformers build a tokenizer of its own with other ids.
  _write_json(folder / "tokenizer_config.json", {
      "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": content.max_length,
      **{name: token for name, token in names.items() if token}})  # fmt: skip


def _write_modules(folder, content):
  head, width = content.head, content.model["width"]
  modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
  _write_json(folder / "1_Pooling" / "config.json", {
      "word_embedding_dimension": width,
      **{key: name == head["pooling"] for name, key in POOLING_KEYS.items()}})  # fmt: skip
  if head.get("dense"):
    modules.append(("2_Dense", "Dense"))
    dense = content.params["dense"]
    _write_json(folder / "2_Dense" / "config.json", {
        "in_features": width, "out_features": head["dense"], "bias": True,
        "activation_function": DENSE_ACTIVATIONS[head["dense_activation"]]})  # fmt: skip
    save_file({"linear.weight": np.ascontiguousarray(np.asarray(dense["kernel"]).T),
               "linear.bias": np.asarray(dense["bias"])},
              folder / "2_Dense" / "model.safetensors", metadata={"format": "pt"})  # fmt: skip
  if head.get("normalize", True):
    modules.append((f"{len(modules)}_Normalize", "Normalize"))
    (folder / modules[-1][0]).mkdir()
  _write_json(folder / "modules.json", [
      {"idx": i, "name": str(i), "path": path, "type": MODULE + kind}
      for i, (path, kind) in enumerate(modules)])  # fmt: skip
  _write_json(folder / "sentence_bert_config.json",
              {"max_seq_length": content.max_length, "do_lower_case": False})  # fmt: skip
  _write_json(folder / "config_sentence_transformers.json", {
      "prompts": content.prompts, "default_prompt_name": content.default_prompt,
      "similarity_fn_name": "cosine"})  # fmt: skip


def _read_model(path, folder):
  if not path.is_file():
    raise InputError(f"{folder}: not a model folder (it has no {path.relative_to(folder)}).")
  config = _read_json(path)
  if config.get("model_type") != "bert":
    raise InputError(f"{path}: model_type {config.get('model_type')!r}; only 'bert' is read.")
  values = dict(zip(CONFIG_KEYS, _take(config, path, *CONFIG_KEYS.values()), strict=True))
  for ours, value in values.items():
    example = {"activation": "", "dropout": 0.1, "epsilon": 1e-12}.get(ours, 1)
    kind = (int, float) if isinstance(example, float) else type(example)
    if not isinstance(value, kind) or (example == 1 and value < 1):
      raise InputError(f"{path}: {CONFIG_KEYS[ours]} is {value!r}; like {example!r} is needed.")
  known(f"hidden_act in {path}:", values["activation"], ACTIVATIONS)
  if values["width"] % values["heads"]:
    raise InputError(f"{path}: {values['heads']} heads do not divide {values['width']}.")
  if config.get("position_embedding_type", "absolute") != "absolute" or config.get("is_decoder"):
    raise InputError(f"{path}: relative positions and decoders are not read.")
  return values


def _read_params(path, model, pretraining):
  with TensorFile(path) as tensors:
    params = {"bert": tensors_to_bert(tensors.take, model)}
    if pretraining and tensors.has_masked_lm:
      params["masked_lm"] = tensors_to_head(tensors.take, model)
    tensors.check_all_taken()
  return params


def _read_max_length(encoder, model):
  limits = _read_json(encoder / "sentence_bert_config.json", {})
  if limits.get("do_lower_case"):
    raise InputError(f"{encoder}/sentence_bert_config.json: do_lower_case is not supported; "
                     "put a Lowercase normalizer into tokenizer.json.")  # fmt: skip
  tokenizer = _read_json(encoder / "tokenizer_config.json", {})
  length = limits.get("max_seq_length") or tokenizer.get("model_max_length") or math.inf
  if not isinstance(length, int | float) or length < 3:
    raise InputError(f"{encoder}: max_seq_length is {length!r}; at least 3 is needed.")
  return int(min(length, model["positions"]))


def _read_modules(folder):
  """(folder of the encoder, head, folder of the dense layer or None)."""
  path, encoder, dense = folder / "modules.json", folder, None
  head = {"pooling": "mean", "dense": 0, "dense_activation": "tanh", "normalize": False}
  if not path.exists():
    return encoder, head, dense
  kinds = []
  for module in _read_json(path, kind=list):
    if not isinstance(module, dict):
      raise InputError(f"{path}: {module!r} is no module.")
    place, kind = (str(value) for value in _take(module, path, "path", "type"))
    inside = folder / place
    if not inside.resolve().is_relative_to(folder.resolve()):
      raise InputError(f"{path}: path {place!r} leaves the folder.")
    kinds.append(kind.rsplit(".", 1)[-1])
    if kinds[-1] not in MODULES:
      raise InputError(f"{path}: unknown module {kind!r}; known: {list(MODULES)}.")
    if kinds[-1] == "Transformer":
      encoder = inside
    elif kinds[-1] == "Pooling":
      head["pooling"] = _read_pooling(inside / "config.json")
    elif kinds[-1] == "Dense":
      dense = inside
  head["normalize"] = "Normalize" in kinds
  if kinds != [kind for kind in MODULES if kind in {"Transformer", "Pooling", *kinds}]:
    raise InputError(f"{path}: modules {kinds}; needed: Transformer, Pooling, then at most one "
                     "Dense and one Normalize, in this order.")  # fmt: skip
  return encoder, head, dense


def _read_pooling(path):
  config = _read_json(path)
  on = config.get("pooling_mode")  # From sentence-transformers 6 on; before, one key for each.
  if on is None:
    names = {key: name for name, key in POOLING_KEYS.items()}
    on = [names.get(k, k) for k, v in config.items() if k.startswith("pooling_mode") and v is True]
  on = [on] if isinstance(on, str) else on
  if not isinstance(on, list) or len(on) != 1 or on[0] not in POOLING:
    raise InputError(f"{path}: pooling {on}; exactly one of {sorted(POOLING)}.")
  if not config.get("include_prompt", True):
    raise InputError(f"{path}: include_prompt false is not supported.")
  return on[0]


def _read_dense(folder, head, width):
  path = folder / "config.json"
  config = _read_json(path)
  inputs, outputs, name = _take(
      config, path, "in_features", "out_features", "activation_function")  # fmt: skip
  ours = {theirs: ours for ours, theirs in DENSE_ACTIVATIONS.items()}
  if name not in ours:
    raise InputError(f"{path}: activation {name!r}; known: {list(ours)}.")
  if inputs != width or config.get("use_residual"):
    raise InputError(f"{path}: in_features {inputs}, the encoder's width is {width}; a residual "
                     "is not supported.")  # fmt: skip
  head["dense"], head["dense_activation"] = outputs, ours[name]
  bias = np.zeros(outputs, np.float32)
  with TensorFile(folder / "model.safetensors") as tensors:
    kernel = tensors.take("linear.weight", (outputs, inputs)).T
    if config.get("bias", True):
      bias = tensors.take("linear.bias", (outputs,))
    tensors.check_all_taken()
  return {"kernel": np.ascontiguousarray(kernel), "bias": bias}
