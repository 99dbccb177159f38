"""A dataset's text for a vocabulary; training SentencePiece's; a vocabulary as a tokenizer.json."""

import io
import itertools
import json
import pathlib

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from labse_jax.base.errors import InputError

SPECIAL = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}

# SentencePiece reads "\u2581", its own sign for a space, as one; so must every other reader.
NORMALISER = normalizers.Sequence(
  [normalizers.NFKC(), normalizers.Replace(Regex(r"[\s\u2581]+"), " "), normalizers.Strip()]
)
# Scores are multiples of this, so that sums down to -65,536 are exact in float32 and float64.
SCORE_STEP = 2.0**-8


def normalise(text):
  """NFKC with runs of white space folded, by the normaliser that the exported tokenizer carries.

  Python's own NFKC is of another version of Unicode and differs on some lines of real text.
  """
  return NORMALISER.normalize_str(text)


def train_unigram(sentences, size):
  """A SentencePiece Unigram model of `size` pieces (Kudo 2018), as its serialised bytes.

  SentencePiece normalises nothing: its own rules differ from NFKC on some lines of real text.
  """
  sentences = map(normalise, sentences)
  first = next(sentences, None)
  if first is None:
    raise InputError("There is no text to train a vocabulary on.")
  model = io.BytesIO()
  try:
    sentencepiece.SentencePieceTrainer.train(
      sentence_iterator=itertools.chain([first], sentences),
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
      max_sentence_length=2048,
      minloglevel=2,
    )
  except RuntimeError as error:
    # What stands before the last bracket is SentencePiece's own source line.
    reason = " ".join(str(error).split()).rpartition("] ")[2]
    raise InputError(f"A vocabulary of {size} pieces cannot be trained here: {reason}") from error
  return with_exact_scores(model.getvalue())


def with_exact_scores(model_bytes):
  """The model with its scores rounded to SCORE_STEP.

  Two splits of a word into the same pieces ("h", "hh" and "hh", "h") tie. Sums that one library
  rounds to float32 and the other to float64 would break the tie differently.
  """
  proto = sentencepiece_model_pb2.ModelProto.FromString(model_bytes)
  for piece in proto.pieces:
    piece.score = round(piece.score / SCORE_STEP) * SCORE_STEP
  return proto.SerializeToString()


def export(model_bytes, folder):
  """Writes tokenizer.json and tokenizer_config.json that give sentencepiece's own ids."""
  processor = sentencepiece.SentencePieceProcessor(model_proto=model_bytes)
  pieces = [(processor.id_to_piece(i), processor.get_score(i)) for i in range(len(processor))]
  tokenizer = Tokenizer(models.Unigram(pieces, unk_id=1, byte_fallback=False))
  tokenizer.normalizer = NORMALISER
  tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
  tokenizer.decoder = decoders.Metaspace()
  save(tokenizer, folder)
  (pathlib.Path(folder) / "sentencepiece.model").write_bytes(model_bytes)


def save(tokenizer, folder, *, second_type=0):
  """Writes tokenizer.json and tokenizer_config.json, with the special tokens in their places.

  `second_type` is the token type of a pair's second text.
  """
  folder = pathlib.Path(folder)
  ids = {name: tokenizer.token_to_id(token) for name, token in SPECIAL.items()}
  assert list(ids.values()) == [0, 1, 2, 3, 4], ids
  tokenizer.add_special_tokens(list(SPECIAL.values()))
  cls, sep = SPECIAL["cls"], SPECIAL["sep"]
  tokenizer.post_processor = processors.TemplateProcessing(
    single=f"{cls} $A {sep}",
    pair=f"{cls} $A {sep} $B:{second_type} {sep}:{second_type}",
    special_tokens=[(cls, ids["cls"]), (sep, ids["sep"])],
  )
  tokenizer.save(str(folder / "tokenizer.json"))
  names = {f"{name}_token": token for name, token in SPECIAL.items()}
  settings = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "model_max_length": 512,
    **names,
    "bos_token": cls,
    "eos_token": sep,
  }
  (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def disagreements(folder, sentences):
  """The sentences that tokenizer.json and sentencepiece do not split into the same ids.

  None is expected, but for a sentence that spells a special token: "[SEP]" is text to
  sentencepiece, and the token itself to tokenizer.json, which is the truth.
  """
  folder = pathlib.Path(folder)
  tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
  processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "sentencepiece.model"))
  encodings = tokenizer.encode_batch_fast(sentences, add_special_tokens=False)
  ids = processor.encode([normalise(sentence) for sentence in sentences])
  return [s for s, e, i in zip(sentences, encodings, ids, strict=True) if e.ids != i]
