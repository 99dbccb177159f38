"""Sentences to ids by a folder's tokenizer.json, exactly as every other tool reads it."""

import pathlib

import numpy as np
from tokenizers import Tokenizer as Backend

from labse_jax.errors import InputError


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
