"""Where transformers reads a folder's letter case, accents and CJK characters in another way."""

import json
import pathlib
from typing import Any

from tokenizers import models, normalizers

from labse_jax.base.types import PathLike
from labse_jax.tokenizer import settings
from labse_jax.tokenizer.tokenizer import Tokenizer

# transformers builds these anew and ignores the normaliser of tokenizer.json.
REBUILT = ("BertTokenizer", "DistilBertTokenizer", "MPNetTokenizer")


def case_mismatch(tokenizer: Tokenizer, folder: PathLike) -> str | None:
  """A warning where transformers does not follow the folder's tokenizer.json, else None.

  Its BertTokenizer, which it also takes where no class is named, takes case, accents and CJK
  characters from tokenizer_config.json or its own defaults. It ignores tokenizer.json's normaliser.
  """
  folder = pathlib.Path(folder)
  name = settings.tokenizer_class(folder)
  if name not in REBUILT or not isinstance(tokenizer.backend.model, models.WordPiece):
    return None
  config = settings.read(folder)
  ours = _behaviour(tokenizer.backend.normalizer)
  theirs = _behaviour(normalizers.BertNormalizer(**settings.normaliser(config, folder)))
  wrong = []
  for key, (argument, _) in settings.NORMALISER.items():
    # A normaliser of another kind does not show all that it does; what it hides is not judged.
    if ours.get(argument, theirs[argument]) != theirs[argument]:
      wrong.append(key)
  if not wrong:
    return None
  silent = "" if set(wrong) <= set(config) else " (where it is silent, its defaults)"
  return (
    f"{folder}: tokenizer.json and tokenizer_config.json disagree on {', '.join(wrong)}. Ids "
    f"here follow tokenizer.json; in transformers' {name} they follow tokenizer_config.json"
    f"{silent}. Make the two agree."
  )


def _behaviour(normaliser: normalizers.Normalizer | None) -> dict[str, Any]:
  """{argument of BertNormalizer: what a normaliser does of it}, as far as it can be seen."""
  state = json.loads(normaliser.__getstate__()) if normaliser else {}
  found = {"lowercase": False}
  for part in state.get("normalizers", [state]):
    if part.get("lowercase") or part.get("type") == "Lowercase":
      found["lowercase"] = True
    if part.get("type") == "BertNormalizer":
      # BERT's strips accents because it lowercases, unless it is told otherwise.
      strips = part["strip_accents"]
      found["strip_accents"] = part["lowercase"] if strips is None else strips
      found["handle_chinese_chars"] = part["handle_chinese_chars"]
  return found
