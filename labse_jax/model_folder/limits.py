"""sentence_bert_config.json: how many tokens of a text are read, and how else a text is read."""

from collections.abc import Mapping
import math
import pathlib
from typing import Any

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_json, write_json
from labse_jax.base.types import PathLike

NAME = "sentence_bert_config.json"
# sentence-transformers' first releases named the file by the model's type. The first one counts.
NAMES = (NAME,) + tuple(
  f"sentence_{kind}_config.json"
  for kind in ("roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
# The keys that say how a text becomes vectors, and the one value of each that is computed here.
ONLY: dict[str, Any] = {
  "transformer_task": "feature-extraction",
  "modality_config": {"text": {"method": "forward", "method_output_name": "last_hidden_state"}},
  "module_output_name": "token_embeddings",
  "processing_kwargs": {},
  "query_length": None,
  "document_length": None,
  "query_expansion": None,
  "tokenizer_name_or_path": None,
  "model_args": {},
  "model_kwargs": {},
  "tokenizer_args": {},
  "processor_kwargs": {},
  "config_args": {},
  "config_kwargs": {},
}
# Options of model_args that change no more than the last bits of a vector.
MODEL_OPTIONS = ("add_pooling_layer", "attn_implementation", "dtype", "torch_dtype")


def write(folder: pathlib.Path, max_length: int) -> None:
  """Writes the file into `folder`."""
  write_json(folder / NAME, {"max_seq_length": max_length, "do_lower_case": False})


def read(encoder: pathlib.Path, model: Mapping[str, Any]) -> int:
  """The most tokens of a text: as the folder says, and no more than the model has positions.

  Raises InputError where the file wants texts to be read in a way that is not computed here.
  """
  limits = _limits(encoder)
  tokenizer = read_json(encoder / "tokenizer_config.json", {})
  own = tokenizer.get("model_max_length") or tokenizer.get("max_len")
  length = limits.get("max_seq_length") or own or math.inf
  if not isinstance(length, int | float) or not length >= 3:  # NaN is not >= 3.
    raise InputError(f"{encoder}: max_seq_length is {length!r}; at least 3 is needed.")
  return int(min(length, model["positions"] - model["position_offset"]))


def _limits(encoder: pathlib.Path) -> dict[str, Any]:
  """What the first of the files that says anything says; {} where there is none."""
  for name in NAMES:
    limits = read_json(encoder / name, {})
    if limits:
      _check(limits, encoder / name)
      return limits
  return {}


def _check(limits: Mapping[str, Any], path: PathLike) -> None:
  if limits.get("do_lower_case"):
    raise InputError(
      f"{path}: do_lower_case is not supported; put a Lowercase normalizer into tokenizer.json."
    )
  for key, only in ONLY.items():
    value = limits.get(key)
    if key.startswith("model_") and isinstance(value, dict):
      value = {name: value[name] for name in value if name not in MODEL_OPTIONS}
    if value and value != only:
      raise InputError(f"{path}: {key} is {value!r}; only {only!r} is supported.")
