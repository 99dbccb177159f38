"""Sentences to ids by a folder's tokenizer, exactly as every other tool reads it."""

import functools
import json
import pathlib
import shutil

import numpy as np
from tokenizers import Tokenizer as Backend

from labse_jax.base.errors import InputError
from labse_jax.tokenizer import files as tokenizer_files

# As BERT and as XLM-R spell them.
SPECIAL = {
  "pad": ("[PAD]", "<pad>"),
  "unk": ("[UNK]", "<unk>"),
  "cls": ("[CLS]", "<s>"),
  "sep": ("[SEP]", "</s>"),
  "mask": ("[MASK]", "<mask>"),
}


class Tokenizer:
  """`encode(sentences, length)` gives one id array a sentence, cut to `length` tokens.

  `path` is a tokenizer.json, a vocab.txt or a sentencepiece.bpe.model; the two last are read with
  the settings that stand beside them. `tokenizer_files.tokenizer_file` finds a folder's.
  """

  def __init__(self, path):
    self.path = pathlib.Path(path)
    self.backend = tokenizer_files.backend(self.path)
    self.backend.no_padding()
    self.backend.no_truncation()

  def __len__(self):
    return self._length

  @functools.cached_property
  def _length(self):
    # Ids may have gaps, and what frames a sentence need not be in the vocabulary.
    size, at = self.backend.get_vocab_size(), self.backend.id_to_token
    if any(at(i) is None for i in range(size)):
      size = 1 + max(self.backend.get_vocab().values())  # As a dict, LaBSE's takes 60 MB.
    return max([size, *(i + 1 for i in self.backend.encode("").ids)])

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
    # A backend of its own, on the same model: what cuts is a state of the library's object, and
    # a copy by way of JSON would change the last bit of some of Unigram's scores.
    uncut = Backend(self.backend.model)
    for part in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
      setattr(uncut, part, getattr(self.backend, part))
    added = self.backend.get_added_tokens_decoder()
    uncut.add_tokens([token for _, token in sorted(added.items())])
    return uncut

  @property
  def content(self):
    """What tokenizer.json says of pieces, ids, normaliser and all else that makes ids of text."""
    return self._uncut.to_str()

  def write(self, path):
    """Writes a tokenizer.json: the very bytes of the one that was read, else what was built."""
    if self.path.suffix == ".json":
      shutil.copyfile(self.path, path)
    else:
      pathlib.Path(path).write_text(self.content, "utf-8")

  @functools.cached_property
  def special_ids(self):
    """{"pad": id, ...} for pad, unk, cls, sep and mask; InputError for one that is not there."""
    found = _SpecialIds(self.path)
    added = {token.content for token in self.backend.get_added_tokens_decoder().values()}
    for name, tokens in SPECIAL.items():
      # MPNet's vocabulary has BERT's tokens too, as words that it never uses.
      tokens = sorted(tokens, key=lambda token: token not in added)
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
    begins = _begins_word(json.loads(self.content), self.path)
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
      "with Metaspace, is needed."
    )
  return lambda piece: piece.startswith(sign)
