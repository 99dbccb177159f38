"""What well-known encoders need, and what to tell the person whose folder does not say so.

LaBSE with mean pooling, or E5 without its prefix, gives vectors that look right and are not.
"""

import dataclasses
import pathlib
import re

import numpy as np

from labse_jax.base.files import read_json
from labse_jax.model_folder import ModelFolder
from labse_jax.tokenizer.letter_case import case_mismatch
from labse_jax.tokenizer.tokenizer import Tokenizer


@dataclasses.dataclass(frozen=True)
class Need:
  """What a model was trained with; None where any will do.

  `dense` is the activation of its dense layer, "" for no layer. `prompts` are {role: prompt}, for
  the roles "query" and "document".
  """

  model: str
  pooling: str | None = None
  dense: str | None = None
  cased: bool | None = None
  prompts: dict[str, str] = dataclasses.field(default_factory=dict)


# Feng et al. 2022, and Mao and Nakagawa 2023: BERT's own pooler on [CLS].
LABSE = Need("LaBSE", pooling="cls", dense="tanh", cased=True)
LEALLA = dataclasses.replace(LABSE, model="LEALLA")
# Wang et al. 2022 and 2024: the mean over the tokens, and one of two prefixes.
E5_PROMPTS = {"query": "query: ", "document": "passage: "}
E5 = Need("E5", pooling="mean", dense="", cased=False, prompts=E5_PROMPTS)
MULTILINGUAL_E5 = dataclasses.replace(E5, model="multilingual E5", cased=True)
MBERT = Need("mBERT", cased=True)
XLM_R = Need("XLM-R", cased=True)
ROLE_FLAGS = {"query": "--query-prompt", "document": "--prompt"}  # Those of search.
E5_NAME = re.compile(r"(?<![a-z0-9])(multilingual-)?e5-(small|base|large)(?!-instruct|[a-z0-9])")


def need_of(folder: pathlib.Path, content: ModelFolder) -> Need | None:
  """The `Need` of a folder, by its sizes or its name; None for a model that is not known."""
  model = content.model
  if model["vocab_size"] == 501_153:
    return LABSE if model["width"] == 768 else LEALLA
  if model["vocab_size"] == 119_547:
    return MBERT
  # E5's vocabularies are those of BERT and XLM-R, so only its name tells it.
  named = E5_NAME.search(_names(folder, content.tokenizer_file.parent))
  if named:
    return MULTILINGUAL_E5 if named[1] else E5
  if model["vocab_size"] == 250_002 and model["position_offset"]:
    return XLM_R
  return None


def warnings(folder: pathlib.Path, content: ModelFolder, tokenizer: Tokenizer) -> list[str]:
  """One line for each thing in a folder that makes other vectors than its model was made for."""
  plain = not (folder / "modules.json").exists()
  need = need_of(folder, content)
  found = []
  if plain:
    found.append(f"{folder}: has no modules.json, so the mean of its tokens is taken.")
  if need:
    wrong = list(_wrong(need, content, tokenizer))
    if wrong:
      found.append(f"{folder}: {need.model} needs {'; '.join(wrong)}.")
    if plain and need in (MBERT, XLM_R):
      found.append(f"{folder}: {need.model} was not trained for vectors of sentences.")
  mismatch = case_mismatch(tokenizer, content.tokenizer_file.parent)
  if mismatch:
    found.append(mismatch)
  return found


def role_warning(need: Need, role: str, prompt: str) -> str | None:
  """A line where texts of a role get another prompt than the `Need` has for them; else None."""
  wanted = need.prompts.get(role, prompt)
  if prompt == wanted:
    return None
  return (
    f"{need.model} needs {wanted!r} before each {role}, not {prompt!r} "
    f"({ROLE_FLAGS[role]}, or prompt=, gives it)."
  )


def _wrong(need, content, tokenizer):
  """Yields each thing that the model needs and the folder does not have."""
  head = content.head
  width = content.model["width"]
  if need.pooling and head["pooling"] != need.pooling:
    yield f"{need.pooling} pooling, not {head['pooling']}"
  square = head["dense"] == width and head["dense_activation"] == need.dense
  if need.dense and not square:
    yield f"a dense layer of {width} with {need.dense} after the pooling"
  if need.dense == "" and head["dense"]:
    yield "no dense layer after the pooling"
  if need.cased is not None:
    # The ids say what the tokenizer does; its settings would have to be understood.
    (upper_L, lower_L), _ = tokenizer.encode(["Paris", "paris"], content.max_length)
    cased = not np.array_equal(upper_L, lower_L)
    if need.cased and not cased:
      yield "a tokenizer that keeps capitals"
    if cased and not need.cased:
      yield "a tokenizer that lowercases"
  if need.prompts and content.prompt not in need.prompts.values():
    choices = " or ".join(map(repr, need.prompts.values()))
    yield f"{choices} before each text, not {content.prompt!r} (--prompt, or prompt=, gives it)"


def _names(folder, encoder):
  """The names of a folder: the end of its path, also inside a cache of models, and its config's."""
  name = read_json(encoder / "config.json", {}).get("_name_or_path", "")
  return " ".join([*folder.resolve().parts[-4:], str(name)]).lower()
