"""New pieces for a vocabulary: learned from a text as its own kind is, the most useful chosen."""

from collections import Counter
import io
import pathlib
import tempfile
from typing import NamedTuple

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

from labse_jax.base.errors import InputError
from labse_jax.surgery import piece_usage, tokenizer_edits
from labse_jax.tokenizer import wordpiece
from labse_jax.tokenizer.tokenizer import Tokenizer

CANDIDATES = 4  # Learned for each that is wanted: some are there already, some are of little use.
STEPS_BETWEEN = 1000  # More of them: WordPiece merges a long word from many pieces of no other use.
STEP = 0.1  # By which Unigram prefers a new piece to its parts.
NORMAL = sentencepiece_model_pb2.ModelProto.SentencePiece.NORMAL


class Piece(NamedTuple):
  """A new piece, the old ids it is split into, whether none is unknown, and Unigram's score."""

  text: str
  parts: list
  spelled: bool
  score: float

  @property
  def characters(self):
    """Without the sign of a word's begin or inside."""
    return self.text.removeprefix(wordpiece.PREFIX).removeprefix(tokenizer_edits.SPACE)


def learn(tokenizer, text, count):
  """At most `count` Pieces, most useful first, for the lines that text() gives at each call.

  Characters that the old vocabulary lacks come first, the most frequent ahead: a word with one of
  them is unknown. Of the rest those are chosen that save the most tokens, as a tokenizer with all
  candidates splits the text. What the old one cannot spell counts there as its characters.
  """
  content = tokenizer_edits.load(tokenizer)
  kind = content["model"]["type"]
  wanted = CANDIDATES * count + STEPS_BETWEEN
  first, known = tokenizer_edits.next_id(content), tokenizer_edits.ids_of(content)

  def normalised():
    return (piece_usage.normalised(tokenizer, line) for line in text())

  characters = Counter(character for line in normalised() for character in line)
  if kind == "WordPiece":
    words = Counter(word for line in normalised() for word in piece_usage.words(tokenizer, line))
    found = _wordpieces(words, wanted)
    pieces = _split_wordpieces(content, [piece for piece in found if piece not in known])
  else:
    found = _unigram(normalised(), wanted + len(characters))
    pieces = _split_unigram(tokenizer, content, [piece for piece in found if piece not in known])
  uses = piece_usage.count(opened(grown(content, pieces)), text())[first:]
  ranks = [_rank(piece, n, characters) for piece, n in zip(pieces, uses.tolist(), strict=True)]
  order = sorted(range(len(pieces)), key=lambda i: (ranks[i], -i), reverse=True)
  return [pieces[i] for i in order[:count] if ranks[i] > (0, 0)]


def _rank(piece, uses, characters):
  if not piece.spelled and len(piece.characters) == 1:
    return 1, characters[piece.characters]
  return 0, uses * (len(piece.parts) - 1 if piece.spelled else len(piece.characters))


def grown(content, pieces):
  """tokenizer.json's content with the Pieces."""
  return tokenizer_edits.append(content, [p.text for p in pieces], [p.score for p in pieces])


def opened(content):
  """The Tokenizer of a tokenizer.json's content."""
  with tempfile.TemporaryDirectory() as scratch:
    path = pathlib.Path(scratch) / "tokenizer.json"
    tokenizer_edits.save(content, path)
    return Tokenizer(path)


def _wordpieces(words, count):
  """All characters of a Counter of words, and at most `count` pieces merged of them."""
  alphabet = {word[0] for word in words}
  alphabet |= {wordpiece.PREFIX + character for word in words for character in word[1:]}
  return wordpiece.merged(sorted(alphabet), words, len(alphabet) + count)


def _split_wordpieces(content, found):
  ids, unknown = tokenizer_edits.ids_of(content), tokenizer_edits.unknown(content)
  pieces = []
  for text in found:
    word = text.removeprefix(wordpiece.PREFIX)
    parts, whole = tokenizer_edits.longest_match(content, word, inside=text != word)
    pieces.append(Piece(text, [ids[part] for part in parts] if whole else [unknown], whole, 0.0))
  return pieces


def _unigram(lines, size):
  """The pieces, at most `size`, of a SentencePiece model of the lines (Kudo 2018)."""
  model = io.BytesIO()
  try:
    sentencepiece.SentencePieceTrainer.train(
      sentence_iterator=lines,
      model_writer=model,
      vocab_size=size,
      hard_vocab_limit=False,
      model_type="unigram",
      normalization_rule_name="identity",
      character_coverage=0.9995,
      num_threads=2,
      minloglevel=2,
    )
  except RuntimeError as error:
    reason = " ".join(str(error).split()).rpartition("] ")[2]
    raise InputError(f"No pieces can be learned from this text: {reason}") from error
  proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
  return [piece.piece for piece in proto.pieces if piece.type == NORMAL]


def _split_unigram(tokenizer, content, found):
  """A piece scores a step more than its parts together, so that it wins over them.

  With its own log probability, where that was higher, 2,000 Kabyle pieces saved hardly more tokens
  of held-out text, and changed the split of five times as many lines in other languages.
  """
  scores = [score for _, score in content["model"]["vocab"]]
  lowest, unknown, pieces = min(scores), tokenizer_edits.unknown(content), []
  for text in found:
    parts = [token.id for token in tokenizer.backend.model.tokenize(text)]
    spelled = unknown not in parts
    # Below the lowest of all it would change what an unknown character costs: ten more than that.
    score = max(lowest, sum(scores[part] for part in parts) + STEP) if spelled else lowest
    pieces.append(Piece(text, parts, spelled, score))
  return pieces
