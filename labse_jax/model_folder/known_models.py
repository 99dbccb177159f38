"""What well-known encoders need, and what to tell the person whose folder does not say so.

LaBSE with mean pooling, or E5 without its prefix, gives vectors that look right and are not.
"""

import dataclasses
import re

from labse_jax.base.files import read_json
from labse_jax.tokenizer.files import case_mismatch


@dataclasses.dataclass(frozen=True)
class Need:
  """What a model was trained with; what is None is not asked for. `dense` is by its activation."""

  model: str
  pooling: str | None = None
  dense: str | None = None
  cased: bool | None = None
  prompts: tuple = ()


# Feng et al. 2022, and Mao and Nakagawa 2023: BERT's own pooler on [CLS].
LABSE = Need("LaBSE", pooling="cls", dense="tanh", cased=True)
LEALLA = dataclasses.replace(LABSE, model="LEALLA")
# Wang et al. 2022 and 2024: the mean over the tokens, and one of two prefixes.
E5 = Need("E5", pooling="mean", dense="", cased=False, prompts=("query: ", "passage: "))
MULTILINGUAL_E5 = dataclasses.replace(E5, model="multilingual E5", cased=True)
MBERT = Need("mBERT", cased=True)
XLM_R = Need("XLM-R", cased=True)
E5_NAME = re.compile(r"(?<![a-z0-9])(multilingual-)?e5-(small|base|large)(?!-instruct|[a-z0-9])")


def need_of(folder, content):
  """The `Need` of a folder, by its sizes or its name; None if it is no model that is known."""
  model = content.model
  if model["vocab_size"] == 501_153:
    return LABSE if model["width"] == 768 else LEALLA
  if model["vocab_size"] == 119_547:
    return MBERT
  named = E5_NAME.search(_names(folder, content.tokenizer_file.parent))
  if named:
    return MULTILINGUAL_E5 if named[1] else E5
  return XLM_R if model["vocab_size"] == 250_002 and model["position_offset"] else None


def warnings(folder, content, tokenizer):
  """One line for each thing in a folder that makes other vectors than its model was made for."""
  said, plain = [], not (folder / "modules.json").exists()
  need = need_of(folder, content)
  if plain:
    said.append("has no modules.json, so the mean of its tokens is taken")
  if need:
    wrong = list(_wrong(need, content, tokenizer))
    said += [f"{need.model} needs {'; '.join(wrong)}"] if wrong else []
    if plain and need in (MBERT, XLM_R):
      said.append(f"{need.model} was not trained for vectors of sentences")
  said = [f"{folder}: {line}." for line in said]
  mismatch = case_mismatch(tokenizer, content.tokenizer_file.parent)
  return said + ([mismatch] if mismatch else [])


def _wrong(need, content, tokenizer):
  head = content.head
  if need.pooling and head["pooling"] != need.pooling:
    yield f"{need.pooling} pooling, not {head['pooling']}"
  square = head["dense"] == content.model["width"] and head["dense_activation"] == need.dense
  if need.dense and not square:
    yield f"a dense layer of {content.model['width']} with {need.dense} after the pooling"
  if need.dense == "" and head["dense"]:
    yield "no dense layer after the pooling"
  (upper, lower), _ = tokenizer.encode(["Paris", "paris"], content.max_length)
  if need.cased is not None and need.cased == (upper.tolist() == lower.tolist()):
    yield "a tokenizer that keeps capitals" if need.cased else "a tokenizer that lowercases"
  prompt = content.prompt
  if need.prompts and prompt not in need.prompts:
    choices = " or ".join(map(repr, need.prompts))
    yield f"{choices} before each text, not {prompt!r} (--prompt, or prompt=, gives it)"


def _names(folder, encoder):
  """What a folder is called: by its path, also inside a cache of models, and by its config."""
  name = read_json(encoder / "config.json", {}).get("_name_or_path", "")
  return " ".join([*folder.resolve().parts[-4:], str(name)]).lower()
