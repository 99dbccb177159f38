"""Sentences to ids by a folder's tokenizer.json, exactly as every other tool reads it."""

import functools
import json
import pathlib

import numpy as np
from tokenizers import Tokenizer as Backend

from labse_jax.errors import InputError

# As BERT and as XLM-R spell them.
SPECIAL = {
    "pad": ("[PAD]", "<pad>"), "unk": ("[UNK]", "<unk>"), "cls": ("[CLS]", "<s>"),
    "sep": ("[SEP]", "</s>"), "mask": ("[MASK]", "<mask>")}  # fmt: skip


class Tokenizer:
  """`encode(sentences, length)` gives one id array a sentence, cut to `length` tokens."""

  def __init__(self, path):
    path = pathlib.Path(path)
    if not path.exists():
      raise InputError(f"{path}: no such file; a model folder needs its tokenizer.json.")
    try:
      self.backend = Backend.from_file(str(path))
    except Exception as error:  # The library raises bare Exception.
      raise InputError(f"{path}: not a tokenizer.json ({error}).") from error
    self.path = path
    self.backend.no_padding()
    self.backend.no_truncation()

  def __len__(self):
    return self.backend.get_vocab_size()

  def encode(self, sentences, length):
    """Returns (list of int32 arrays with the special tokens, number of sentences cut)."""
    # The library cuts before it adds the special tokens, as transformers does.
    if (self.backend.truncation or {}).get("max_length") != length:
      self.backend.enable_truncation(length)
    encodings = self.backend.encode_batch_fast(sentences)
    cut = sum(bool(encoding.overflowing) for encoding in encodings)
    return [np.array(encoding.ids, np.int32) for encoding in encodings], cut

  def encode_whole(self, texts):
    """The ids of texts of any length, with the special tokens, nothing cut."""
    return [np.array(e.ids, np.int32) for e in self._uncut.encode_batch_fast(texts)]

  @functools.cached_property
  def _uncut(self):
    # A backend of its own: what cuts is a state of the library's object.
    backend = Backend.from_str(self.backend.to_str())
    backend.no_truncation()
    return backend

  @property
  def content(self):
    """What tokenizer.json says of pieces, ids, normaliser and all else that makes ids of text."""
    return self._uncut.to_str()

  @functools.cached_property
  def special_ids(self):
    """{"pad": id, ...} for pad, unk, cls, sep and mask; InputError for one that is not there."""
    found = _SpecialIds(self.path)
    for name, tokens in SPECIAL.items():
      ids = [i for i in map(self.backend.token_to_id, tokens) if i is not None]
      found.update({name: ids[0]} if ids else {})
    return found

  @functools.cached_property
  def all_special(self):
    """The ids of all special tokens, ascending, int32."""
    added = self.backend.get_added_tokens_decoder()
    return np.array(sorted(i for i, token in added.items() if token.special), np.int32)

  @functools.cached_property
  def word_starts(self):
    """bool [len]: whether a piece begins a word; a special token does.

    Raises InputError where the pieces do not say: they do in WordPiece and after Metaspace.
    """
    begins = _begins_word(json.loads(self.path.read_text("utf-8")), self.path)
    starts = np.ones(len(self), bool)
    for piece, number in self.backend.get_vocab().items():
      if number < len(starts):
        starts[number] = begins(piece)
    starts[self.all_special[self.all_special < len(starts)]] = True
    return starts


class _SpecialIds(dict):
  def __init__(self, path):
    self.path = path

  def __missing__(self, name):
    bert, xlmr = SPECIAL[name]
    raise InputError(f"{self.path} has no {bert}; a tokenizer with it, or {xlmr}, is needed here.")


def _begins_word(content, path):
  """piece -> bool, for a tokenizer.json's content."""
  model = content["model"]
  if model["type"] == "WordPiece":
    return lambda piece: not piece.startswith(model["continuing_subword_prefix"])
  parts = [part for name in ("pre_tokenizer", "decoder") if (part := content[name])]
  parts += [p for part in parts for p in part.get("pretokenizers", part.get("decoders", []))]
  sign = next((part["replacement"] for part in parts if part["type"] == "Metaspace"), None)
  if model["type"] != "Unigram" or sign is None:
    raise InputError(
        f"{path}: its {model['type']} pieces do not say where a word begins; WordPiece, or Unigram "
        "with Metaspace, is needed.")  # fmt: skip
  return lambda piece: piece.startswith(sign)
