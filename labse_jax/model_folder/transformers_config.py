"""transformers' config.json and our `model` section: the four architectures that are read."""

from collections.abc import Mapping
from typing import Any

from labse_jax.base.errors import InputError, known
from labse_jax.base.types import PathLike
from labse_jax.model_folder.tensor_names import NAMES
from labse_jax.models.bert import ACTIVATIONS

_BERT = {
  "vocab_size": "vocab_size",
  "width": "hidden_size",
  "depth": "num_hidden_layers",
  "heads": "num_attention_heads",
  "mlp_width": "intermediate_size",
  "positions": "max_position_embeddings",
  "types": "type_vocab_size",
  "dropout": "hidden_dropout_prob",
  "attention_dropout": "attention_probs_dropout_prob",
  "epsilon": "layer_norm_eps",
  "activation": "hidden_act",
}
_MPNET = {ours: theirs for ours, theirs in _BERT.items() if ours != "types"}
# Of each model_type: our keys, and theirs.
KEYS = {
  "bert": _BERT,
  "xlm-roberta": _BERT,
  "mpnet": _MPNET | {"relative_buckets": "relative_attention_num_buckets"},
  "distilbert": {
    "vocab_size": "vocab_size",
    "width": "dim",
    "depth": "n_layers",
    "heads": "n_heads",
    "mlp_width": "hidden_dim",
    "positions": "max_position_embeddings",
    "dropout": "dropout",
    "attention_dropout": "attention_dropout",
    "activation": "activation",
  },
}
TITLES = {"bert": "BERT", "distilbert": "DistilBERT", "mpnet": "MPNet", "xlm-roberta": "XLM-R"}
# What transformers computes a model_type with, whatever a config says.
FIXED: dict[str, dict[str, int | float]] = {
  "bert": {"position_offset": 0, "relative_buckets": 0},
  "xlm-roberta": {"relative_buckets": 0},
  "mpnet": {"position_offset": 2, "relative_buckets": 32, "types": 0},
  "distilbert": {"epsilon": 1e-12, "types": 0, "position_offset": 0, "relative_buckets": 0},
}
# One right value of each key; those of all other keys are whole numbers.
EXAMPLES = {"activation": "gelu", "attention_dropout": 0.1, "dropout": 0.1, "epsilon": 1e-12}
DEFAULTS: dict[str, Any] = {
  "types": 2,
  "epsilon": 1e-12,
  "activation": "gelu",
  "dropout": 0.1,
  "positions": 512,
}


def title(model: Mapping[str, Any]) -> str:
  """What people call the architecture of a `model` section, such as BERT."""
  return TITLES[_nearest_type(model)]


def model_type(model: Mapping[str, Any]) -> str:
  """The transformers architecture that has just what `model` has; raises where none does."""
  kind = _nearest_type(model)
  for key, value in FIXED[kind].items():
    if model.get(key, value) != value:
      raise InputError(
        f"model.{key} = {model[key]}: no architecture of transformers has that with "
        f"the rest of the model; {kind} has {value}."
      )
  return kind


def _nearest_type(model):
  """The architecture that `model` is of, if it is of any."""
  if model.get("relative_buckets", 0):
    return "mpnet"
  if not model.get("types", 2):
    return "distilbert"
  if model.get("position_offset", 0):
    return "xlm-roberta"
  return "bert"


def config_of(model: Mapping[str, Any], *, head: bool, dtype: str, pad: int) -> dict[str, Any]:
  """The content of config.json. `head`: whether it has a masked-LM head; `pad`: the padding id."""
  kind = model_type(model)
  if model.get("position_offset") and pad != model["position_offset"] - 1:
    raise InputError(
      f"the tokenizer's padding id is {pad}; a model that counts positions from "
      f"{model['position_offset']} needs one id less."
    )
  values = {**DEFAULTS, **model}
  values.setdefault("attention_dropout", values["dropout"])
  config: dict[str, Any] = {
    "architectures": [NAMES[kind].kind + ("ForMaskedLM" if head else "Model")],
    "model_type": kind,
    "pad_token_id": pad,
    "torch_dtype": dtype,
  }
  for ours, theirs in KEYS[kind].items():
    config[theirs] = values[ours]
  return config


def model_of(config: Mapping[str, Any], path: PathLike) -> dict[str, Any]:
  """The `model` section of a config.json's content; raises for what is not one of the four."""
  kind = known(f"model_type in {path}:", config.get("model_type"), KEYS)
  keys = KEYS[kind]
  # Many configs are written by hand, and this one changes no vector: it is dropout's, if missing.
  config = {keys["attention_dropout"]: config.get(keys["dropout"]), **config}
  missing = [theirs for theirs in keys.values() if theirs not in config]
  if missing:
    raise InputError(f"{path}: lacks {missing}.")
  model = {}
  for ours, theirs in keys.items():
    model[ours] = _checked(config[theirs], theirs, EXAMPLES.get(ours, 1), path)
  # A config may say what transformers does not follow; then its own vectors are others.
  for ours, value in FIXED[kind].items():
    if model.setdefault(ours, value) != value:
      raise InputError(f"{path}: {keys[ours]} is {model[ours]}; only {value} is read.")
  if kind == "xlm-roberta":
    model["position_offset"] = _checked(config.get("pad_token_id", 1), "pad_token_id", 1, path) + 1
  _check_together(model, config, path)
  return model


def _check_together(model, config, path):
  """Raises InputError for values that are right one by one and make no model that is read."""
  known(f"activation in {path}:", model["activation"], ACTIVATIONS)
  if model["width"] % model["heads"]:
    raise InputError(f"{path}: {model['heads']} heads do not divide {model['width']}.")
  decoder = config.get("is_decoder") or config.get("add_cross_attention")
  if config.get("position_embedding_type", "absolute") != "absolute" or decoder:
    raise InputError(f"{path}: relative positions and decoders are not read.")
  if model["positions"] - model["position_offset"] < 3:
    raise InputError(f"{path}: {model['positions']} positions are too few.")


def _checked(value, name, example, path):
  """The value, if it is of the kind of `example`; else raises InputError."""
  kind = (int, float) if isinstance(example, float) else type(example)
  right = isinstance(value, kind) and not isinstance(value, bool)
  if right and isinstance(example, float):  # A share, or an epsilon.
    right = 0 <= value < 1
  if right and example == 1:
    right = value >= 1
  if not right:
    raise InputError(f"{path}: {name} is {value!r}; like {example!r} is needed.")
  return value
