"""sentence-transformers' modules.json and what it names: pooling, a dense layer, normalisation."""

import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_json, write_json
from labse_jax.model_folder.tensor_file import Tensors, aligned, save

MODULE = "sentence_transformers.models."
MODULES = ("Transformer", "Pooling", "Dense", "Normalize")  # In this order.
POOLING = {  # Ours: the key of sentence-transformers before its version 6, and its name from then.
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
PLAIN = {"pooling": "mean", "dense": 0, "dense_activation": "tanh", "normalize": False}


def write(folder, head, dense, width):
  """Writes modules.json and the folders it names; `dense` are the layer's parameters, if any."""
  modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
  write_json(
    folder / "1_Pooling" / "config.json",
    {
      "word_embedding_dimension": width,
      **{key: name == head["pooling"] for name, (key, _) in POOLING.items()},
    },
  )
  if head.get("dense"):
    modules.append(("2_Dense", "Dense"))
    write_json(
      folder / "2_Dense" / "config.json",
      {
        "in_features": width,
        "out_features": head["dense"],
        "bias": True,
        "activation_function": ACTIVATIONS[head.get("dense_activation", "tanh")],
      },
    )
    save(
      {"linear.weight": np.asarray(dense["kernel"]).T, "linear.bias": np.asarray(dense["bias"])},
      folder / "2_Dense" / "model.safetensors",
    )
  if head.get("normalize", True):
    modules.append((f"{len(modules)}_Normalize", "Normalize"))
    (folder / modules[-1][0]).mkdir()
  write_json(
    folder / "modules.json",
    [
      {"idx": i, "name": str(i), "path": path, "type": MODULE + kind}
      for i, (path, kind) in enumerate(modules)
    ],
  )


def read(folder):
  """(folder of the encoder, head, folder of the dense layer or None).

  A folder of transformers alone has no modules.json; it is read with mean pooling, as
  sentence-transformers reads it.
  """
  path, encoder, dense, head = folder / "modules.json", folder, None, dict(PLAIN)
  if not path.exists():
    return encoder, head, dense
  kinds = []
  for module in read_json(path, kind=list):
    if not isinstance(module, dict):
      raise InputError(f"{path}: {module!r} is no module.")
    place, kind = _take(module, path, "path", "type")
    inside = _inside(folder, place, path)
    kinds.append(str(kind).rsplit(".", 1)[-1])
    if kinds[-1] not in MODULES:
      raise InputError(f"{path}: unknown module {kind!r}; known: {list(MODULES)}.")
    if kinds[-1] == "Transformer":
      encoder = inside
    elif kinds[-1] == "Pooling":
      head["pooling"] = _read_pooling(inside / "config.json")
    elif kinds[-1] == "Dense":
      dense = inside
    else:
      _needs_sentence_vectors(read_json(inside / "config.json", {}), inside)
  head["normalize"] = "Normalize" in kinds
  if kinds != [kind for kind in MODULES if kind in {"Transformer", "Pooling", *kinds}]:
    raise InputError(
      f"{path}: modules {kinds}; needed: Transformer, Pooling, then at most one "
      "Dense and one Normalize, in this order."
    )
  return encoder, head, dense


def read_dense(folder, width):
  """{"dense": outputs, "dense_activation": name} of a dense layer that takes `width` values."""
  path = folder / "config.json"
  config = read_json(path)
  inputs, outputs, name = _take(config, path, "in_features", "out_features", "activation_function")
  _needs_sentence_vectors(config, folder)
  ours = {theirs: ours for ours, theirs in ACTIVATIONS.items()}
  if name not in [*ours]:  # A list, for what JSON may hold has no hash.
    raise InputError(f"{path}: activation {name!r}; known: {list(ours)}.")
  if inputs != width or config.get("use_residual"):
    raise InputError(
      f"{path}: in_features {inputs}, the encoder's width is {width}; a residual is not supported."
    )
  if type(outputs) is not int or outputs < 1:
    raise InputError(f"{path}: out_features is {outputs!r}; 1 or more is needed.")
  return {"dense": outputs, "dense_activation": ours[name]}


def read_dense_params(folder, width, outputs):
  """The layer's kernel and bias; a bias that it does not have is zero."""
  tensors = Tensors(folder)
  tensors.check_size(width * outputs)
  dense = {"kernel": aligned((width, outputs)), "bias": np.zeros(outputs, np.float32)}
  tensors.fill("linear.weight", dense["kernel"].T)
  if read_json(folder / "config.json").get("bias", True):
    tensors.fill("linear.bias", dense["bias"])
  tensors.finish()
  return dense


def _read_pooling(path):
  config = read_json(path)
  on = config.get("pooling_mode")  # From sentence-transformers 6 on; before, one key for each.
  if on is None:
    on = [k for k, v in config.items() if k.startswith("pooling_mode") and v is True]
  on = [on] if isinstance(on, str) else on
  names = {theirs: name for name, both in POOLING.items() for theirs in both}
  if not isinstance(on, list) or len(on) != 1 or on[0] not in [*names]:
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
  for key in ("module_input_name", "module_output_name"):
    if (config.get(key) or "sentence_embedding") != "sentence_embedding":
      raise InputError(
        f"{folder / 'config.json'}: {key} is {config[key]!r}; only "
        "'sentence_embedding' is supported."
      )


def _take(values, path, *keys):
  missing = [key for key in keys if key not in values]
  if missing:
    raise InputError(f"{path}: lacks {missing}.")
  return [values[key] for key in keys]
