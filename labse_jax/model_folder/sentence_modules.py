"""sentence-transformers' modules.json and what it names: pooling, a dense layer, normalisation."""

from collections.abc import Mapping
import pathlib
from typing import Any

import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_json, write_json
from labse_jax.base.types import Params
from labse_jax.model_folder.tensor_file import Tensors, aligned, save

MODULE = "sentence_transformers.models."
MODULES = ("Transformer", "Pooling", "Dense", "Normalize")  # In this order.
# Our names: the key of sentence-transformers before its version 6, and its name from then on.
POOLING = {
  "cls": ("pooling_mode_cls_token", "cls"),
  "max": ("pooling_mode_max_tokens", "max"),
  "mean": ("pooling_mode_mean_tokens", "mean"),
  "mean_sqrt_len": ("pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens"),
  "weighted_mean": ("pooling_mode_weightedmean_tokens", "weightedmean"),
}
ACTIVATIONS = {
  "gelu": "torch.nn.modules.activation.GELU",
  "identity": "torch.nn.modules.linear.Identity",
  "relu": "torch.nn.modules.activation.ReLU",
  "sigmoid": "torch.nn.modules.activation.Sigmoid",
  "tanh": "torch.nn.modules.activation.Tanh",
}
PLAIN: dict[str, Any] = {
  "pooling": "mean",
  "dense": 0,
  "dense_activation": "tanh",
  "normalize": False,
}


def write(folder: pathlib.Path, head: Mapping[str, Any], dense: Params | None, width: int) -> None:
  """Writes modules.json and the folders it names; `dense` are the layer's parameters, if any."""
  modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
  _write_pooling(folder / "1_Pooling", head["pooling"], width)
  if head.get("dense"):
    modules.append(("2_Dense", "Dense"))
    _write_dense(folder / "2_Dense", head, dense, width)
  if head.get("normalize", True):
    place = f"{len(modules)}_Normalize"
    modules.append((place, "Normalize"))
    (folder / place).mkdir()
  listed = []
  for number, (place, kind) in enumerate(modules):
    listed.append({"idx": number, "name": str(number), "path": place, "type": MODULE + kind})
  write_json(folder / "modules.json", listed)


def _write_pooling(folder, pooling, width):
  config = {"word_embedding_dimension": width}
  for name, (key, _) in POOLING.items():
    config[key] = name == pooling
  write_json(folder / "config.json", config)


def _write_dense(folder, head, dense, width):
  write_json(
    folder / "config.json",
    {
      "in_features": width,
      "out_features": head["dense"],
      "bias": True,
      "activation_function": ACTIVATIONS[head.get("dense_activation", "tanh")],
    },
  )
  save(
    {"linear.weight": np.asarray(dense["kernel"]).T, "linear.bias": np.asarray(dense["bias"])},
    folder / "model.safetensors",
  )


def read(folder: pathlib.Path) -> tuple[pathlib.Path, dict[str, Any], pathlib.Path | None]:
  """Returns (folder of the encoder, head, folder of the dense layer or None).

  A folder of transformers alone has no modules.json. It is read with mean pooling, as
  sentence-transformers reads it.
  """
  path = folder / "modules.json"
  encoder = folder
  head = dict(PLAIN)
  dense = None
  if not path.exists():
    return encoder, head, dense
  kinds = []
  for module in read_json(path, kind=list):
    kind, inside = _read_module(module, folder, path)
    kinds.append(kind)
    if kind == "Transformer":
      encoder = inside
    elif kind == "Pooling":
      head["pooling"] = _read_pooling(inside / "config.json")
    elif kind == "Dense":
      dense = inside
    else:
      _needs_sentence_vectors(read_json(inside / "config.json", {}), inside)
  head["normalize"] = "Normalize" in kinds
  # `MODULES` is in the one order that can be computed; it also shows a module that comes twice.
  needed = {"Transformer", "Pooling", *kinds}
  if kinds != [kind for kind in MODULES if kind in needed]:
    raise InputError(
      f"{path}: modules {kinds}; needed: Transformer, Pooling, then at most one "
      "Dense and one Normalize, in this order."
    )
  return encoder, head, dense


def _read_module(module, folder, path):
  """Returns (kind, folder) of an entry of modules.json, which lies at `path`."""
  if not isinstance(module, dict):
    raise InputError(f"{path}: {module!r} is not a module.")
  place, name = _take(module, path, "path", "type")
  inside = _inside(folder, place, path)
  kind = str(name).rsplit(".", 1)[-1]
  if kind not in MODULES:
    raise InputError(f"{path}: unknown module {name!r}; known: {list(MODULES)}.")
  return kind, inside


def read_dense(folder: pathlib.Path, width: int) -> dict[str, Any]:
  """{"dense": outputs, "dense_activation": name} of a dense layer that takes `width` values."""
  path = folder / "config.json"
  config = read_json(path)
  inputs, outputs, name = _take(config, path, "in_features", "out_features", "activation_function")
  _needs_sentence_vectors(config, folder)
  ours = {theirs: name for name, theirs in ACTIVATIONS.items()}
  if name not in list(ours):  # A list, because JSON may hold what has no hash.
    raise InputError(f"{path}: activation {name!r}; known: {list(ours)}.")
  if inputs != width or config.get("use_residual"):
    raise InputError(
      f"{path}: in_features {inputs}, the encoder's width is {width}; a residual is not supported."
    )
  if type(outputs) is not int or outputs < 1:
    raise InputError(f"{path}: out_features is {outputs!r}; 1 or more is needed.")
  return {"dense": outputs, "dense_activation": ours[name]}


def read_dense_params(folder: pathlib.Path, width: int, outputs: int) -> dict[str, np.ndarray]:
  """The layer's kernel [width, outputs] and bias [outputs]; the bias is zero if it has none."""
  tensors = Tensors(folder)
  tensors.check_size(width * outputs)
  dense = {"kernel": aligned((width, outputs)), "bias": np.zeros(outputs, np.float32)}
  tensors.fill("linear.weight", dense["kernel"].T)
  if read_json(folder / "config.json").get("bias", True):
    tensors.fill("linear.bias", dense["bias"])
  tensors.finish()
  return dense


def _read_pooling(path):
  """Our name of the one pooling that a config switches on."""
  config = read_json(path)
  names = {}
  for name, (old_key, new_name) in POOLING.items():
    names[old_key] = name
    names[new_name] = name
  on = config.get("pooling_mode")
  if on is None:  # Before sentence-transformers 6 each pooling had a key of its own.
    on = [key for key, value in config.items() if key.startswith("pooling_mode") and value is True]
  if isinstance(on, str):
    on = [on]
  if not isinstance(on, list) or len(on) != 1 or on[0] not in list(names):
    raise InputError(f"{path}: pooling {on}; exactly one of {sorted(POOLING)}.")
  if not config.get("include_prompt", True):
    raise InputError(f"{path}: include_prompt false is not supported.")
  return names[on[0]]


def _inside(folder, place, path):
  """The folder that modules.json, at `path`, calls `place`; raises unless `folder` holds it."""
  if not isinstance(place, str) or "\0" in place:
    raise InputError(f"{path}: path {place!r} names no folder.")
  inside = folder / place
  if not inside.resolve().is_relative_to(folder.resolve()):
    raise InputError(f"{path}: path {place!r} leaves the folder.")
  return inside


def _needs_sentence_vectors(config, folder):
  """Raises InputError for a module between other vectors than a sentence's."""
  for key in ("module_input_name", "module_output_name"):
    if (config.get(key) or "sentence_embedding") != "sentence_embedding":
      raise InputError(
        f"{folder / 'config.json'}: {key} is {config[key]!r}; only "
        "'sentence_embedding' is supported."
      )


def _take(values, path, *keys):
  """The values of these keys; raises InputError, which names the missing ones."""
  missing = [key for key in keys if key not in values]
  if missing:
    raise InputError(f"{path}: lacks {missing}.")
  return [values[key] for key in keys]
