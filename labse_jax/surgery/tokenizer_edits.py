"""Edits of a tokenizer.json: its vocabulary cut to some of its pieces, or grown by new ones."""

from collections.abc import Iterable, Sequence
import json
from typing import Any

import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.base.files import write_json
from labse_jax.base.types import PathLike
from labse_jax.tokenizer.tokenizer import Tokenizer

SPACE = "▁"  # What Unigram's pieces have for a space.


def load(tokenizer: Tokenizer) -> dict[str, Any]:
  """A Tokenizer's content as a dict; raises InputError unless it is WordPiece or Unigram.

  Files of the library's first releases, as bert-base-uncased's, leave something out; it is put in.
  """
  # If the library wrote it anew, the last bit of some of Unigram's scores would change.
  if tokenizer.path.suffix == ".json":
    text = tokenizer.path.read_text("utf-8")
  else:
    text = tokenizer.content
  content = {"added_tokens": [], "post_processor": None} | json.loads(text)
  content |= {"padding": None, "truncation": None}
  kind = type(tokenizer.backend.model).__name__
  content["model"]["type"] = kind
  if kind not in ("WordPiece", "Unigram"):
    raise InputError(f"{tokenizer.path}: its model is {kind}; WordPiece or Unigram is needed.")
  if not _has_unknown(content):
    raise InputError(f"{tokenizer.path}: has no piece for what it does not know.")
  if needed(content) - set(tokenizer.backend.get_vocab().values()):
    raise InputError(
      f"{tokenizer.path}: its special tokens have ids that are not in its vocabulary."
    )
  return content


def save(content: dict[str, Any], path: PathLike) -> None:
  """Writes a tokenizer's content as the file `path`."""
  write_json(path, content, indent=None)


def ids_of(content: dict[str, Any]) -> dict[str, int]:
  """{piece: id} of the model's own pieces; a token that was only added is not among them."""
  vocab = content["model"]["vocab"]
  if isinstance(vocab, dict):
    return vocab
  return {piece: number for number, (piece, _) in enumerate(vocab)}


def unknown(content: dict[str, Any]) -> int:
  """The id of what the model cannot spell; `load` has made sure that there is one."""
  model = content["model"]
  return model["unk_id"] if model["type"] == "Unigram" else model["vocab"][model["unk_token"]]


def _has_unknown(content):
  model = content["model"]
  if model["type"] == "Unigram":
    return model.get("unk_id") is not None
  return model["unk_token"] in model["vocab"]


def needed(content: dict[str, Any]) -> set[int]:
  """The ids that no cut may drop."""
  ids = {token["id"] for token in content["added_tokens"]}
  ids.add(unknown(content))
  ids |= _ids_in(content["post_processor"])
  if content["model"]["type"] == "Unigram":
    # An unknown character costs ten more than the lowest score of all, which must not change.
    scores = [score for _, score in content["model"]["vocab"]]
    ids.add(int(np.argmin(scores)))
  return ids


def _ids_in(processor):
  """The ids, a set, of the special tokens that a post-processor names."""
  processor = processor or {}
  ids = set()
  for name in ("sep", "cls"):
    if name in processor:
      ids.add(processor[name][1])
  for token in processor.get("special_tokens", {}).values():
    ids.update(token["ids"])
  for part in processor.get("processors", []):
    ids |= _ids_in(part)
  return ids


def spelling(content: dict[str, Any], characters: Iterable[str]) -> set[int]:
  """The ids of the pieces of one character each that spell words of these characters."""
  pieces = set(characters)
  if content["model"]["type"] == "Unigram":
    pieces.add(SPACE)
  else:
    prefix = content["model"]["continuing_subword_prefix"]
    pieces |= {prefix + character for character in characters}
  ids = ids_of(content)
  return {ids[piece] for piece in pieces if piece in ids}


def cut(content: dict[str, Any], kept: np.ndarray) -> dict[str, Any]:
  """The content with only the ids `kept`, an ascending array: kept[i] is i from now on."""
  new = {old: i for i, old in enumerate(kept.tolist())}
  model = dict(content["model"])
  vocab = model["vocab"]
  if model["type"] == "WordPiece":
    model["vocab"] = {piece: new[old] for piece, old in vocab.items() if old in new}
  else:
    model["vocab"] = [vocab[old] for old in new if old < len(vocab)]  # Added tokens come after it.
    model["unk_id"] = new[model["unk_id"]]
  added = [token | {"id": new[token["id"]]} for token in content["added_tokens"]]
  return content | {
    "model": model,
    "added_tokens": added,
    "post_processor": _renumber(content["post_processor"], new),
  }


def _renumber(processor, new):
  """A copy of a post-processor in which new[id] stands for each id of a special token."""
  processor = dict(processor or {})
  for name in ("sep", "cls"):  # BertProcessing and RobertaProcessing have these.
    if name in processor:
      token, number = processor[name]
      processor[name] = [token, new[number]]
  if "special_tokens" in processor:  # TemplateProcessing has these.
    tokens = {}
    for name, token in processor["special_tokens"].items():
      tokens[name] = token | {"ids": [new[number] for number in token["ids"]]}
    processor["special_tokens"] = tokens
  if "processors" in processor:  # Sequence has these.
    processor["processors"] = [_renumber(part, new) for part in processor["processors"]]
  return processor or None


def append(
  content: dict[str, Any], pieces: Sequence[str], scores: Sequence[float]
) -> dict[str, Any]:
  """The content with `pieces` after all others, in their order; only Unigram has their scores."""
  first = next_id(content)
  model = dict(content["model"])
  if model["type"] == "WordPiece":
    model["vocab"] = model["vocab"] | {piece: first + i for i, piece in enumerate(pieces)}
  else:
    scored = [[piece, score] for piece, score in zip(pieces, scores, strict=True)]
    model["vocab"] = model["vocab"] + scored
  return content | {"model": model}


def next_id(content: dict[str, Any]) -> int:
  """The id that a new piece gets; raises InputError where the ids have gaps or others follow."""
  ids = ids_of(content)
  taken = set(ids.values())
  taken.update(token["id"] for token in content["added_tokens"])
  if taken != set(range(len(ids))):
    raise InputError(
      f"The tokenizer's {len(ids):,} pieces do not have the ids 0 to "
      f"{len(ids) - 1:,}, or tokens were added after them."
    )
  return len(ids)


def longest_match(
  content: dict[str, Any], word: str, *, inside: bool = False
) -> tuple[list[str], bool]:
  """WordPiece's split: (the pieces from the word's start, whether they reach its end).

  `inside` says that `word` goes on with a longer one.
  """
  prefix = content["model"]["continuing_subword_prefix"]
  pieces: list[str] = []
  start = 0
  while start < len(word):
    before = prefix if start or inside else ""
    end = _longest_end(content["model"]["vocab"], before, word, start)
    if end is None:
      return pieces, False
    pieces.append(before + word[start:end])
    start = end
  return pieces, True


def _longest_end(ids, before, word, start):
  """The end of the longest piece from `start` on that the vocabulary has; None if it has none."""
  for end in range(len(word), start, -1):
    if before + word[start:end] in ids:
      return end
  return None
