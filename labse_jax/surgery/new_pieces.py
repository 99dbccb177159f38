"""New pieces for a vocabulary: learned from a text, and the most useful of them chosen."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
import io
import operator
import pathlib
import tempfile
from typing import Any, NamedTuple

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

from labse_jax.base.errors import InputError
from labse_jax.surgery import piece_usage, tokenizer_edits
from labse_jax.tokenizer import wordpiece
from labse_jax.tokenizer.tokenizer import Tokenizer
from labse_jax.tokenizer.unigram import reason_of

# So many candidates are learned for each piece that is wanted: some are known, some of little use.
CANDIDATES = 4
# And so many more: WordPiece merges a long word from many pieces that are of no other use.
STEPS_BETWEEN = 1000
STEP = 0.1  # How much more a new piece of Unigram scores than its parts.
NORMAL = sentencepiece_model_pb2.ModelProto.SentencePiece.NORMAL


class Piece(NamedTuple):
  """A new piece, its parts (old ids), whether they all are known, and its score in Unigram."""

  text: str
  parts: list[int]
  spelled: bool
  score: float

  @property
  def characters(self) -> str:
    """The text without the sign for the start or the inside of a word."""
    return self.text.removeprefix(wordpiece.PREFIX).removeprefix(tokenizer_edits.SPACE)


def learn(tokenizer: Tokenizer, text: Callable[[], Iterable[str]], count: int) -> list[Piece]:
  """At most `count` Pieces, most useful first, for the lines that text() gives at each call.

  Characters that the old vocabulary lacks come first, the most frequent ahead: a word with one of
  them is unknown. Then come the pieces that save the most tokens when a tokenizer with all
  candidates splits the text. What the old one cannot spell counts there as its characters.
  """
  content = tokenizer_edits.load(tokenizer)
  first = tokenizer_edits.next_id(content)

  def normalised():
    return (piece_usage.normalised(tokenizer, line) for line in text())

  characters: Counter[str] = Counter()
  for line in normalised():
    characters.update(line)
  wanted = CANDIDATES * count + STEPS_BETWEEN
  if content["model"]["type"] == "WordPiece":
    words: Counter[str] = Counter()
    for line in normalised():
      words.update(piece_usage.words(tokenizer, line))
    pieces = _split_wordpieces(content, _new(_wordpieces(words, wanted), content))
  else:
    found = _unigram(normalised(), wanted + len(characters))
    pieces = _split_unigram(tokenizer, content, _new(found, content))
  uses = piece_usage.count(opened(grown(content, pieces)), text())[first:]
  ranks = [_rank(piece, n, characters) for piece, n in zip(pieces, uses.tolist(), strict=True)]
  # The sort is stable: of two pieces with the same rank the one that was learned first comes first.
  ranked = sorted(zip(ranks, pieces, strict=True), key=operator.itemgetter(0), reverse=True)
  return [piece for rank, piece in ranked[:count] if rank > (0, 0)]


def _new(found, content):
  """The pieces that the vocabulary does not have."""
  known = tokenizer_edits.ids_of(content)
  return [text for text in found if text not in known]


def _rank(piece, uses, characters):
  """Returns (whether it is a character that is lacking, its uses or the tokens that it saves)."""
  if not piece.spelled and len(piece.characters) == 1:
    return 1, characters[piece.characters]
  tokens = len(piece.parts) - 1 if piece.spelled else len(piece.characters)
  return 0, uses * tokens


def grown(content: dict[str, Any], pieces: Sequence[Piece]) -> dict[str, Any]:
  """tokenizer.json's content with the Pieces."""
  texts = [piece.text for piece in pieces]
  scores = [piece.score for piece in pieces]
  return tokenizer_edits.append(content, texts, scores)


def opened(content: dict[str, Any]) -> Tokenizer:
  """The Tokenizer of a tokenizer.json's content."""
  with tempfile.TemporaryDirectory() as scratch:
    path = pathlib.Path(scratch) / "tokenizer.json"
    tokenizer_edits.save(content, path)
    return Tokenizer(path)


def _wordpieces(words, count):
  """All characters of a Counter of words, and at most `count` pieces merged of them."""
  alphabet = set(wordpiece.inner_pieces(words))
  for word in words:
    alphabet.add(word[0])
  return wordpiece.merged(sorted(alphabet), words, len(alphabet) + count)


def _split_wordpieces(content, found):
  """The Pieces of these texts, each split as the old WordPiece vocabulary splits it."""
  ids = tokenizer_edits.ids_of(content)
  unknown = tokenizer_edits.unknown(content)
  pieces = []
  for text in found:
    word = text.removeprefix(wordpiece.PREFIX)
    parts, whole = tokenizer_edits.longest_match(content, word, inside=text != word)
    numbers = [ids[part] for part in parts] if whole else [unknown]
    pieces.append(Piece(text, numbers, whole, 0.0))
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
    raise InputError(f"No pieces can be learned from this text: {reason_of(error)}") from error
  proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
  return [piece.piece for piece in proto.pieces if piece.type == NORMAL]


def _split_unigram(tokenizer, content, found):
  """The Pieces of these texts, each split as the old Unigram model splits it.

  A piece scores a step more than its parts together, so that it wins over them. With its own log
  probability, where that was higher, 2,000 Kabyle pieces saved hardly more tokens of held-out text,
  and changed the split of five times as many lines in other languages.
  """
  scores = [score for _, score in content["model"]["vocab"]]
  lowest = min(scores)
  unknown = tokenizer_edits.unknown(content)
  pieces = []
  for text in found:
    parts = [token.id for token in tokenizer.backend.model.tokenize(text)]
    spelled = unknown not in parts
    score = lowest
    if spelled:
      # A score below the lowest would change what an unknown character costs: ten more than that.
      score = max(lowest, sum(scores[part] for part in parts) + STEP)
    pieces.append(Piece(text, parts, spelled, score))
  return pieces
