"""Edits of a tokenizer.json: its vocabulary cut to some of its pieces, or grown by new ones."""

import json

import numpy as np

from labse_jax.base.errors import InputError

SPACE = "▁"  # What Unigram's pieces have for a space.


def load(tokenizer):
  """A Tokenizer's content as a dict; raises InputError unless it is WordPiece or Unigram.

  What files of the library's first releases leave out, as bert-base-uncased's, is put in.
  """
  # Written by the library, the last bit of some of Unigram's scores would be another one.
  as_read = tokenizer.path.suffix == ".json"
  text = tokenizer.path.read_text("utf-8") if as_read else tokenizer.content
  content = {"added_tokens": [], "post_processor": None} | json.loads(text)
  content |= {"padding": None, "truncation": None}
  kind = content["model"]["type"] = type(tokenizer.backend.model).__name__
  if kind not in ("WordPiece", "Unigram"):
    raise InputError(f"{tokenizer.path}: its model is {kind}; WordPiece or Unigram is needed.")
  if unknown(content) is None:
    raise InputError(f"{tokenizer.path}: has no piece for what it does not know.")
  if needed(content) - set(tokenizer.backend.get_vocab().values()):
    raise InputError(
      f"{tokenizer.path}: its special tokens have ids that are not in its vocabulary."
    )
  return content


def save(content, path):
  """Writes it as the file `path`."""
  path.write_text(json.dumps(content, ensure_ascii=False), "utf-8")


def ids_of(content):
  """{piece: id} of the model's own pieces; a token that was only added is not among them."""
  vocab = content["model"]["vocab"]
  return vocab if isinstance(vocab, dict) else {piece: i for i, (piece, _) in enumerate(vocab)}


def unknown(content):
  """The id of what the model cannot spell, None if it has none."""
  model = content["model"]
  return model["unk_id"] if "unk_id" in model else model["vocab"].get(model["unk_token"])


def needed(content):
  """The ids that no cut may drop, a set."""
  ids = {token["id"] for token in content["added_tokens"]} | {unknown(content)}
  _renumber(content["post_processor"], lambda number: ids.add(number) or number)
  if content["model"]["type"] == "Unigram":
    # An unknown character costs ten more than the lowest score of all, which must not change.
    ids.add(int(np.argmin([score for _, score in content["model"]["vocab"]])))
  return ids


def spelling(content, characters):
  """The ids, a set, of the pieces of one character each that spell words of these characters."""
  ids, model = ids_of(content), content["model"]
  pieces = (
    {*characters, SPACE}
    if model["type"] == "Unigram"
    else {*characters, *(model["continuing_subword_prefix"] + one for one in characters)}
  )
  return {ids[piece] for piece in pieces if piece in ids}


def cut(content, kept):
  """The content with only the ids `kept`, an ascending array: kept[i] is i from now on."""
  model, new = dict(content["model"]), {old: i for i, old in enumerate(kept.tolist())}
  if model["type"] == "WordPiece":
    model["vocab"] = {piece: new[i] for piece, i in model["vocab"].items() if i in new}
  else:
    model["vocab"] = [model["vocab"][i] for i in new if i < len(model["vocab"])]
    model["unk_id"] = new[model["unk_id"]]
  return content | {
    "model": model,
    "added_tokens": [token | {"id": new[token["id"]]} for token in content["added_tokens"]],
    "post_processor": _renumber(content["post_processor"], new.__getitem__),
  }


def _renumber(processor, new):
  """A copy of a post-processor in which new(id) stands for each id of a special token."""
  processor = dict(processor or {})
  for name in {"sep", "cls"} & processor.keys():  # BertProcessing, RobertaProcessing.
    token, number = processor[name]
    processor[name] = [token, new(number)]
  if "special_tokens" in processor:  # TemplateProcessing.
    processor["special_tokens"] = {
      name: token | {"ids": [new(number) for number in token["ids"]]}
      for name, token in processor["special_tokens"].items()
    }
  if "processors" in processor:  # Sequence.
    processor["processors"] = [_renumber(part, new) for part in processor["processors"]]
  return processor or None


def append(content, pieces, scores=None):
  """The content with `pieces` after all others, in their order; Unigram needs their scores."""
  model, first = dict(content["model"]), next_id(content)
  if model["type"] == "WordPiece":
    model["vocab"] = model["vocab"] | {piece: first + i for i, piece in enumerate(pieces)}
  else:
    new = [[piece, score] for piece, score in zip(pieces, scores, strict=True)]
    model["vocab"] = model["vocab"] + new
  return content | {"model": model}


def next_id(content):
  """The id that a new piece gets; raises InputError where the ids have gaps or others follow."""
  ids = ids_of(content)
  taken = {*ids.values(), *(token["id"] for token in content["added_tokens"])}
  if taken != set(range(len(ids))):
    raise InputError(
      f"The tokenizer's {len(ids):,} pieces do not have the ids 0 to "
      f"{len(ids) - 1:,}, or tokens were added after them."
    )
  return len(ids)


def longest_match(content, word, *, inside=False):
  """WordPiece's split: (the pieces from the word's start, whether they reach its end).

  `inside`: it goes on with a word.
  """
  ids, prefix = content["model"]["vocab"], content["model"]["continuing_subword_prefix"]
  pieces, start = [], 0
  while start < len(word):
    before = prefix if start or inside else ""
    candidates = (before + word[start:end] for end in range(len(word), start, -1))
    piece = next((piece for piece in candidates if piece in ids), None)
    if piece is None:
      return pieces, False
    pieces.append(piece)
    start += len(piece) - len(before)
  return pieces, True
