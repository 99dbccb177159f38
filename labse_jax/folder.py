"""The one model format: a folder that sentence-transformers opens as it is."""

import dataclasses
import json
import pathlib
import shutil

import numpy as np
from safetensors.numpy import save_file

from labse_jax import files
from labse_jax.errors import InputError
from labse_jax.models.heads import POOLING
from labse_jax.weights import TensorFile, bert_to_tensors, tensors_to_bert

MODULE = "sentence_transformers.models."
POOLING_KEYS = {
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
    "mean": "pooling_mode_mean_tokens",
}
DENSE_ACTIVATIONS = {
    "tanh": "torch.nn.modules.activation.Tanh",
    "identity": "torch.nn.modules.linear.Identity",
}
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


def write(folder, content, *, card=""):
  """Writes `folder` whole or not at all; the table's padding rows are cut."""
  with files.replacing_folder(folder) as partial:
    _write_encoder(partial, content)
    _write_tokenizer(partial, content)
    _write_modules(partial, content)
    (partial / "README.md").write_text(card or "# A labse_jax model\n", encoding="utf-8")


def read(folder):
  """Reads a sentence-transformers folder of a BERT; raises InputError for anything else."""
  folder = pathlib.Path(folder)
  if not (folder / "config.json").is_file():
    raise InputError(f"{folder}: not a model folder (it has no config.json).")
  config = _read_json(folder / "config.json")
  if config.get("model_type") != "bert":
    raise InputError(f"{folder}: model_type {config.get('model_type')!r}; only 'bert' is read.")
  missing = sorted(set(CONFIG_KEYS.values()) - set(config))
  if missing:
    raise InputError(f"{folder}/config.json: lacks {missing}.")
  model = {ours: config[theirs] for ours, theirs in CONFIG_KEYS.items()}
  params = {"bert": _read_bert(folder / "model.safetensors", model)}
  head, dense = _read_head(folder)
  if dense:
    params["dense"] = dense
  limits = _read_json(folder / "sentence_bert_config.json", {})
  prompts = _read_json(folder / "config_sentence_transformers.json", {})
  return ModelFolder(
      model, head, params, folder / "tokenizer.json",
      limits.get("max_seq_length") or model["positions"],
      prompts.get("prompts", {}), prompts.get("default_prompt_name"))  # fmt: skip


def _write_json(path, value):
  path.parent.mkdir(exist_ok=True)
  path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _read_json(path, default=None):
  if default is not None and not path.exists():
    return default
  try:
    return json.loads(path.read_text(encoding="utf-8"))
  except (OSError, ValueError) as error:
    raise InputError(f"{path}: cannot be read as JSON ({error}).") from error


def _write_encoder(folder, content):
  model = content.model
  tensors = bert_to_tensors(content.params["bert"], model)
  square_cls = content.head["pooling"] == "cls" and content.head.get("dense") == model["width"]
  if square_cls and content.head.get("dense_activation") == "tanh":
    # BERT's own pooler is this very layer: plain transformers then gives the same vector.
    tensors["pooler.dense.weight"] = np.ascontiguousarray(content.params["dense"]["kernel"].T)
    tensors["pooler.dense.bias"] = np.asarray(content.params["dense"]["bias"])
  save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
  _write_json(folder / "config.json", {
      "architectures": ["BertModel"], "model_type": "bert", "pad_token_id": 0,
      "torch_dtype": "float32",
      "attention_probs_dropout_prob": model["dropout"],
      **{theirs: model[ours] for ours, theirs in CONFIG_KEYS.items()}})  # fmt: skip


def _write_tokenizer(folder, content):
  shutil.copy(content.tokenizer_file, folder / "tokenizer.json")
  settings = content.tokenizer_file.with_name("tokenizer_config.json")
  shutil.copy(settings, folder / "tokenizer_config.json")


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


def _read_bert(path, model):
  with TensorFile(path) as tensors:
    params = tensors_to_bert(tensors.take, model)
    tensors.check_all_taken()
  return params


def _read_head(folder):
  head, dense = {"pooling": None, "dense": 0, "dense_activation": "tanh", "normalize": False}, None
  for module in _read_json(folder / "modules.json"):
    kind = module["type"].rsplit(".", 1)[-1]
    path = folder / module["path"]
    if not path.resolve().is_relative_to(folder.resolve()):
      raise InputError(f"{folder}/modules.json: path {module['path']!r} leaves the folder.")
    if kind == "Pooling":
      head["pooling"] = _read_pooling(path / "config.json")
    elif kind == "Dense":
      dense = _read_dense(path, head)
    elif kind == "Normalize":
      head["normalize"] = True
    elif kind != "Transformer":
      raise InputError(f"{folder}/modules.json: unknown module {module['type']!r}.")
  if head["pooling"] is None:
    raise InputError(f"{folder}/modules.json: has no Pooling module.")
  return head, dense


def _read_pooling(path):
  modes = _read_json(path)
  on = [key for key, value in modes.items() if key.startswith("pooling_mode") and value is True]
  names = [name for name, key in POOLING_KEYS.items() if [key] == on]
  if not names:
    raise InputError(f"{path}: pooling {on}; exactly one of {sorted(POOLING_KEYS.values())}.")
  assert names[0] in POOLING
  return names[0]


def _read_dense(path, head):
  config = _read_json(path / "config.json")
  known = {theirs: ours for ours, theirs in DENSE_ACTIVATIONS.items()}
  if config["activation_function"] not in known:
    raise InputError(f"{path}: activation {config['activation_function']!r}; known: {list(known)}.")
  head["dense"] = config["out_features"]
  head["dense_activation"] = known[config["activation_function"]]
  with TensorFile(path / "model.safetensors") as tensors:
    kernel = tensors.take("linear.weight", (config["out_features"], config["in_features"])).T
    bias = tensors.take("linear.bias", (config["out_features"],))
    tensors.check_all_taken()
  return {"kernel": np.ascontiguousarray(kernel), "bias": bias}
