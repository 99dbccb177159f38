"""Training a Unigram vocabulary with SentencePiece, and writing it as a tokenizer.json."""

from collections.abc import Iterable, Iterator, Sequence
import io
import itertools
import pathlib
from typing import Any
import unicodedata

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from labse_jax.base import console
from labse_jax.base.errors import InputError
from labse_jax.base.files import write_json
from labse_jax.base.types import PathLike

SPECIAL = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}

# SentencePiece reads "\u2581", its own sign for a space, as a space; so must every other reader.
NORMALISER = normalizers.Sequence(
  [normalizers.NFKC(), normalizers.Replace(Regex(r"[\s\u2581]+"), " "), normalizers.Strip()]
)
# Scores are multiples of this, so that sums down to -65,536 are exact in float32 and float64.
SCORE_STEP = 2.0**-8
# SentencePiece leaves out longer lines without a word.
MOST_BYTES = 2048


def normalise(text: str) -> str:
  """NFKC with runs of white space folded, by the normaliser that the exported tokenizer carries.

  Python's own NFKC is of another version of Unicode and differs on some lines of real text.
  """
  return NORMALISER.normalize_str(text)


def train_unigram(sentences: Iterable[str], size: int) -> bytes:
  """A SentencePiece Unigram model of `size` pieces (Kudo 2018), as its serialised bytes.

  SentencePiece normalises nothing: its own rules differ from NFKC on some lines of real text.
  """
  normalised = map(normalise, sentences)
  first = next(normalised, None)
  if first is None:
    raise InputError("There is no text to train a vocabulary on.")
  lines = split_long(itertools.chain([first], normalised), MOST_BYTES)
  model = io.BytesIO()
  try:
    sentencepiece.SentencePieceTrainer.train(
      sentence_iterator=lines,
      model_writer=model,
      vocab_size=size,
      model_type="unigram",
      normalization_rule_name="identity",
      character_coverage=0.9995,
      pad_id=0,
      unk_id=1,
      bos_id=2,
      eos_id=3,
      control_symbols=[SPECIAL["mask"]],
      pad_piece=SPECIAL["pad"],
      unk_piece=SPECIAL["unk"],
      bos_piece=SPECIAL["cls"],
      eos_piece=SPECIAL["sep"],
      num_threads=2,
      max_sentence_length=MOST_BYTES,
      minloglevel=2,
    )
  except RuntimeError as error:
    reason = reason_of(error)
    raise InputError(f"A vocabulary of {size} pieces cannot be trained here: {reason}") from error
  return with_exact_scores(model.getvalue())


def split_long(lines: Iterable[str], most: int) -> Iterator[str]:
  """Yields the lines, those of over `most` bytes in parts; says on stderr how many were split."""
  split = 0
  for line in lines:
    parts = _parts(line, most)
    split += len(parts) > 1
    yield from parts
  if split:
    console.note(f"{split:,} lines are longer than {most:,} bytes and were split to learn from.")


def _parts(line: str, most: int) -> list[str]:
  """A line in parts of at most `most` bytes, cut at spaces where it has them."""
  parts: list[str] = []
  start = 0
  while True:
    ahead = line[start : start + most].encode()
    if start + most >= len(line) and len(ahead) <= most:
      return [*parts, line[start:]]
    # Bytes may end in a part of a character, which is not taken.
    end = _cut(line, start, start + len(ahead[:most].decode(errors="ignore")))
    parts.append(line[start:end])
    start = end + line.startswith(" ", end)


def _cut(line: str, start: int, end: int) -> int:
  """Where to cut line[start:], at `end` or before: at the last space, or else between letters."""
  space = line.rfind(" ", start + 1, end + 1)
  if space >= 0:
    return space
  for place in range(end, start, -1):
    # A mark belongs to the letter before it.
    if not unicodedata.category(line[place]).startswith("M"):
      return place
  return end


def reason_of(error: Exception) -> str:
  """What an error of SentencePiece's training says, in one line."""
  # What stands before the last bracket is SentencePiece's own source line.
  return " ".join(str(error).split()).rpartition("] ")[2]


def with_exact_scores(model_bytes: bytes) -> bytes:
  """The model with its scores rounded to SCORE_STEP.

  Two splits of a word into the same pieces ("h", "hh" and "hh", "h") tie. One library sums in
  float32 and the other in float64; where a sum is rounded, they would break the tie differently.
  """
  proto = sentencepiece_model_pb2.ModelProto.FromString(model_bytes)
  for piece in proto.pieces:
    piece.score = round(piece.score / SCORE_STEP) * SCORE_STEP
  return proto.SerializeToString()


def export(model_bytes: bytes, folder: PathLike) -> None:
  """Writes tokenizer.json and tokenizer_config.json, which give sentencepiece's own ids."""
  processor = sentencepiece.SentencePieceProcessor(model_proto=model_bytes)
  pieces = [(processor.id_to_piece(i), processor.get_score(i)) for i in range(len(processor))]
  tokenizer = Tokenizer(models.Unigram(pieces, unk_id=1, byte_fallback=False))
  tokenizer.normalizer = NORMALISER
  tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
  tokenizer.decoder = decoders.Metaspace()
  save(tokenizer, folder)
  (pathlib.Path(folder) / "sentencepiece.model").write_bytes(model_bytes)


def save(tokenizer: Tokenizer, folder: PathLike, *, second_type: int = 0) -> None:
  """Writes tokenizer.json and tokenizer_config.json, with the special tokens in their places.

  `second_type` is the token type of a pair's second text.
  """
  folder = pathlib.Path(folder)
  for place, token in enumerate(SPECIAL.values()):
    assert tokenizer.token_to_id(token) == place, token
  tokenizer.add_special_tokens(list(SPECIAL.values()))
  cls = SPECIAL["cls"]
  sep = SPECIAL["sep"]
  tokenizer.post_processor = processors.TemplateProcessing(
    single=f"{cls} $A {sep}",
    pair=f"{cls} $A {sep} $B:{second_type} {sep}:{second_type}",
    special_tokens=[(cls, tokenizer.token_to_id(cls)), (sep, tokenizer.token_to_id(sep))],
  )
  tokenizer.save(str(folder / "tokenizer.json"))
  config: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512}
  for name, token in SPECIAL.items():
    config[f"{name}_token"] = token
  config |= {"bos_token": cls, "eos_token": sep}
  write_json(folder / "tokenizer_config.json", config)


def disagreements(folder: PathLike, sentences: Sequence[str]) -> list[str]:
  """The sentences that tokenizer.json and sentencepiece do not split into the same ids.

  None is expected, except for a sentence that spells a special token. "[SEP]" is plain text to
  sentencepiece, and the token itself to tokenizer.json, which is the one that counts.
  """
  folder = pathlib.Path(folder)
  tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
  processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "sentencepiece.model"))
  encodings = tokenizer.encode_batch_fast(sentences, add_special_tokens=False)
  expected = processor.encode([normalise(sentence) for sentence in sentences])
  found = []
  for sentence, encoding, ids in zip(sentences, encodings, expected, strict=True):
    if encoding.ids != ids:
      found.append(sentence)
  return found
