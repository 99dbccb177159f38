"""Sentences to ids by a folder's tokenizer, exactly as every other tool reads it."""

from collections.abc import Sequence
import functools
import json
import pathlib
import shutil
from typing import Any

import numpy as np
from tokenizers import Encoding
from tokenizers import Tokenizer as Backend

from labse_jax.base.errors import InputError, unicode_text
from labse_jax.base.types import PathLike
from labse_jax.tokenizer import files

# As BERT and as XLM-R spell them.
SPECIAL = {
  "pad": ("[PAD]", "<pad>"),
  "unk": ("[UNK]", "<unk>"),
  "cls": ("[CLS]", "<s>"),
  "sep": ("[SEP]", "</s>"),
  "mask": ("[MASK]", "<mask>"),
}


class Tokenizer:
  """Sentences to ids: `encode(sentences, length)` gives each an id array of at most `length`.

  `path` is a tokenizer.json, a vocab.txt or a sentencepiece.bpe.model. The last two are read with
  the settings that lie beside them. `files.tokenizer_file` finds the one of a folder.
  """

  def __init__(self, path: PathLike) -> None:
    self.path = pathlib.Path(path)
    self.backend = files.backend(self.path)
    self.backend.no_padding()
    self.backend.no_truncation()

  def __len__(self) -> int:
    """One more than the highest id."""
    return self._length

  @functools.cached_property
  def _length(self) -> int:
    size = self.backend.get_vocab_size()
    # Ids may have gaps. Only then is the vocabulary taken as a dict: LaBSE's has 60 MB.
    if any(self.backend.id_to_token(i) is None for i in range(size)):
      size = 1 + max(self.backend.get_vocab().values())
    # The ids that frame a sentence need not be in the vocabulary.
    frame = self.backend.encode("").ids
    return max([size, *(i + 1 for i in frame)])

  def encode(self, sentences: Sequence[str], length: int) -> tuple[list[np.ndarray], int]:
    """Returns (list of int32 arrays with the special tokens, number of sentences cut).

    Raises InputError for a text that is not Unicode.
    """
    # The library cuts before it adds the special tokens, as transformers does.
    if (self.backend.truncation or {}).get("max_length") != length:
      self.backend.enable_truncation(length)
    encodings = _encoded(self.backend, sentences)
    cut = sum(bool(encoding.overflowing) for encoding in encodings)
    return _id_arrays(encodings), cut

  def encode_whole(self, texts: Sequence[str]) -> list[np.ndarray]:
    """The ids of texts of any length, with the special tokens; nothing is cut."""
    return _id_arrays(_encoded(self._uncut, texts))

  @functools.cached_property
  def _uncut(self) -> Backend:
    # Truncation is a state of the library's object, so this is a second backend on the same model.
    # A copy by way of JSON would change the last bit of some of Unigram's scores.
    uncut = Backend(self.backend.model)
    for part in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
      setattr(uncut, part, getattr(self.backend, part))
    added = self.backend.get_added_tokens_decoder()
    uncut.add_tokens([token for _, token in sorted(added.items())])
    return uncut

  @property
  def content(self) -> str:
    """What tokenizer.json holds: pieces, ids, normaliser and all else that makes ids of text."""
    return self._uncut.to_str()

  def write(self, path: PathLike) -> None:
    """Writes a tokenizer.json: the bytes of the one that was read, else what was built."""
    if self.path.suffix == ".json":
      shutil.copyfile(self.path, path)
    else:
      pathlib.Path(path).write_text(self.content, "utf-8")

  @functools.cached_property
  def special_ids(self) -> dict[str, int]:
    """{"pad": id, ...} for pad, unk, cls, sep and mask; a missing one raises InputError."""
    found = _SpecialIds(self.path)
    added = {token.content for token in self.backend.get_added_tokens_decoder().values()}
    for name, tokens in SPECIAL.items():
      # MPNet's vocabulary also has BERT's tokens, as words that it never uses; it adds its own.
      for token in sorted(tokens, key=lambda token: token not in added):
        number = self.backend.token_to_id(token)
        if number is not None:
          found[name] = number
          break
    return found

  @functools.cached_property
  def all_special(self) -> np.ndarray:
    """The ids of all special tokens, int32, in ascending order."""
    added = self.backend.get_added_tokens_decoder()
    return np.array(sorted(i for i, token in added.items() if token.special), np.int32)

  @functools.cached_property
  def word_starts(self) -> np.ndarray:
    """bool [len]: whether a piece begins a word; a special token does.

    The pieces of WordPiece say it, and those of Unigram after Metaspace; others raise InputError.
    """
    sign, marks_start = _word_sign(json.loads(self.content), self.path)
    starts_V = np.ones(len(self), bool)
    for piece, number in self.backend.get_vocab().items():
      if number < len(starts_V):
        starts_V[number] = piece.startswith(sign) == marks_start
    starts_V[self.all_special[self.all_special < len(starts_V)]] = True
    return starts_V


class _SpecialIds(dict[str, int]):
  def __init__(self, path: pathlib.Path) -> None:
    self.path = path

  def __missing__(self, name: str) -> int:
    bert, xlmr = SPECIAL[name]
    raise InputError(f"{self.path} has no {bert}; a tokenizer with it, or {xlmr}, is needed here.")


def _encoded(backend: Backend, texts: Sequence[str]) -> list[Encoding]:
  """What the library makes of texts; InputError where it takes one for no text."""
  try:
    return backend.encode_batch_fast(texts)
  except TypeError:
    # Looked for only now: checking each text first would take time from every call.
    for text in texts:
      if isinstance(text, str):
        unicode_text(text)
    raise


def _id_arrays(encodings: Sequence[Encoding]) -> list[np.ndarray]:
  return [np.array(encoding.ids, np.int32) for encoding in encodings]


def _word_sign(content: dict[str, Any], path: pathlib.Path) -> tuple[str, bool]:
  """Returns (sign, whether a piece with it in front begins a word) for a tokenizer.json's content.

  WordPiece marks the pieces that go on with a word, Unigram those that begin one.
  """
  model = content["model"]
  if model["type"] == "WordPiece":
    return model["continuing_subword_prefix"], False
  if model["type"] == "Unigram":
    for part in _parts(content):
      if part["type"] == "Metaspace":
        return part["replacement"], True
  raise InputError(
    f"{path}: its {model['type']} pieces do not say where a word begins; WordPiece, or Unigram "
    "with Metaspace, is needed."
  )


def _parts(content: dict[str, Any]) -> list[dict[str, Any]]:
  """The pre-tokenizer and the decoder, and the parts of those that are sequences."""
  wholes = [content[name] for name in ("pre_tokenizer", "decoder") if content[name]]
  parts = list(wholes)
  for whole in wholes:
    parts += whole.get("pretokenizers", whole.get("decoders", []))
  return parts
