"""A TensorFlow BERT checkpoint as a model folder: where its files lie, and what they leave open."""

from collections.abc import Sequence
import pathlib
import re
from typing import Any

import numpy as np

from labse_jax import model_folder
from labse_jax.base import files
from labse_jax.base.errors import InputError
from labse_jax.base.types import PathLike
from labse_jax.model_folder import transformers_config, weights
from labse_jax.model_folder.tensor_names import NAMES, POOLER, TABLE
from labse_jax.surgery.tensorflow_checkpoint import Variables
from labse_jax.tokenizer.tokenizer import Tokenizer

LENGTH = 256
CAPITALS = 0.01  # From this share of word pieces with capitals on, a vocabulary is cased.
CONFIG = "bert_config.json"
VOCABULARY = "*vocab*.txt"
POSITIONS = "embeddings.position_embeddings.weight"
TYPES = "embeddings.token_type_embeddings.weight"


def locate(path: pathlib.Path) -> tuple[pathlib.Path, list[pathlib.Path]]:
  """Returns (the prefix of a checkpoint's files, folders of its vocabulary and config)."""
  if (path / "saved_model.pb").is_file():
    return path / "variables" / "variables", [path / "assets", path]
  if path.is_dir():
    return _newest(path), [path]
  prefix = path.with_suffix("") if path.suffix == ".index" else path
  if not prefix.with_name(prefix.name + ".index").is_file():
    raise InputError(f"{path}: no such checkpoint (there is no {prefix.name}.index).")
  return prefix, [path.parent]


def _newest(folder):
  """The prefix of the checkpoint that TensorFlow noted as the newest, or of the only one."""
  names = sorted(index.stem for index in folder.glob("*.index"))
  note = folder / "checkpoint"
  if note.is_file():
    text = note.read_text("utf-8", "replace")
    newest = re.search(r'^model_checkpoint_path: "(?:.*/)?(.+)"', text, re.MULTILINE)
    if newest and newest[1] in names:
      return folder / newest[1]
  if len(names) != 1:
    raise InputError(
      f"{folder}: holds {len(names)} checkpoints {names}; name one, as FOLDER/bert_model.ckpt, or "
      "a SavedModel's folder."
    )
  return folder / names[0]


def beside(
  given: PathLike | None, flag: str, pattern: str, places: Sequence[pathlib.Path]
) -> pathlib.Path | None:
  """The file that a flag gives, or the only one of its name beside the checkpoint, or None."""
  if given:
    return pathlib.Path(given)
  found = []
  for place in places:
    found += sorted(place.glob(pattern))
  if len(found) > 1:
    raise InputError(f"{places[0]}: has {[path.name for path in found]}; choose by {flag} FILE.")
  return found[0] if found else None


def build_tokenizer(
  vocabulary: PathLike, scratch: pathlib.Path, asked: bool | None, stored: bool | None
) -> tuple[pathlib.Path, str]:
  """Returns (a tokenizer.json in `scratch` for a vocab.txt, what was decided on its letter case).

  `asked` and `stored` say whether text is lowercased, or are None.
  """
  pieces = [line.rstrip() for _, line in files.read_lines(vocabulary)]
  lower, reason = _choose_case(pieces, asked, stored)
  (scratch / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces), "utf-8")
  files.write_json(scratch / "tokenizer_config.json", {"do_lower_case": lower})
  path = scratch / "tokenizer.json"
  Tokenizer(scratch / "vocab.txt").write(path)
  return path, f"{'lowercased, accents removed' if lower else 'kept'} ({reason})"


def _choose_case(pieces, asked, stored):
  """Returns (whether text is lowercased, why)."""
  if asked is not None:
    return asked, "asked for"
  if stored is not None:
    return stored, "as the SavedModel says"
  # Special tokens, as [CLS], have capitals in every vocabulary.
  capital = sum(piece != piece.lower() and piece[:1] != "[" for piece in pieces)
  share = capital / max(1, len(pieces))
  return share < CAPITALS, f"{share:.1%} of the word pieces have capitals"


def model_of(
  variables: Variables, config: pathlib.Path | None, activation: str | None
) -> dict[str, Any]:
  """The `model` section, from a bert_config.json or, where `config` is None, from the shapes."""
  if variables.shape(TABLE) is None:
    raise InputError(f"{variables.path}: has no word embeddings under a name of BERT's.")
  values = files.read_json(config) if config else _config_from_shapes(variables)
  if variables.heads and variables.heads != values.get("num_attention_heads"):
    raise InputError(
      f"{config}: num_attention_heads is {values.get('num_attention_heads')}; the "
      f"checkpoint has {variables.heads}."
    )
  if activation is None:
    activation = values.get("hidden_act", "gelu")
    if activation == "gelu":  # TensorFlow's code computes the tanh form under this name.
      activation = "gelu_new"
  values |= {"model_type": "bert", "layer_norm_eps": 1e-12, "hidden_act": activation}
  return transformers_config.model_of(values, config or variables.path)


def _config_from_shapes(variables):
  """The values of a bert_config.json as shapes tell them; those of a missing variable are 0."""
  if not variables.heads:
    raise InputError(
      f"{variables.path}: no {CONFIG} beside it, and a TF1 checkpoint does not tell "
      "the number of heads; --config FILE is needed."
    )

  def shape(name):
    return variables.shape(name) or (0, 0)

  return {
    "vocab_size": shape(TABLE)[0],
    "hidden_size": shape(TABLE)[1],
    "max_position_embeddings": shape(POSITIONS)[0],
    "type_vocab_size": shape(TYPES)[0],
    "intermediate_size": shape("encoder.layer.0.intermediate.dense.weight")[-1],
    "num_hidden_layers": variables.depth,
    "num_attention_heads": variables.heads,
    "hidden_dropout_prob": 0.1,
  }


def convert(
  variables: Variables,
  model: dict[str, Any],
  tokenizer_file: pathlib.Path,
  *,
  pooling: str | None,
  max_length: int | None,
) -> tuple[model_folder.ModelFolder, str]:
  """Returns (the ModelFolder of a checkpoint's Variables, what was decided on pooling)."""
  entries = len(Tokenizer(tokenizer_file))
  if entries != model["vocab_size"]:
    raise InputError(
      f"{variables.path}: its table has {model['vocab_size']:,} rows, the "
      f"vocabulary {entries:,} pieces; they must be as many."
    )
  params, pooler = weights.read(variables, model, NAMES["bert"], pretraining=True)
  pretrained = "masked_lm" in params or "next-sentence head" in variables.left_out
  pooling, reason = _choose_pooling(pooling, bool(pooler), pretrained)
  decision = f"{pooling} ({reason})"
  head = {"pooling": pooling, "dense": 0, "dense_activation": "tanh", "normalize": True}
  if pooling == "pooler":
    # A pooler that is used is a dense layer on [CLS]; one that is not is kept beside the model.
    if not pooler:
      raise InputError(f"{variables.path}: has no pooler; choose another --pooling.")
    head |= {"pooling": "cls", "dense": model["width"]}
    weight, bias = POOLER
    params["dense"] = {"kernel": np.ascontiguousarray(pooler[weight].T), "bias": pooler[bias]}
    pooler = {}
  content = model_folder.ModelFolder(
    model=model,
    head=head,
    params=params,
    tokenizer_file=tokenizer_file,
    max_length=min(max_length or LENGTH, model["positions"]),
    pooler=pooler,
  )
  return content, decision


def _choose_pooling(asked, pooler, pretrained):
  """Returns (name, why). A pooler trained on next sentences alone gives no sentence vector."""
  if asked:
    return asked, "asked for"
  if not pooler:
    return "mean", "there is no pooler"
  if pretrained:
    return "mean", "a head of pretraining lies beside the pooler"
  return "pooler", "as LaBSE's; --pooling mean for a BERT that was only pretrained"
