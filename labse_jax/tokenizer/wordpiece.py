"""Training a cased WordPiece vocabulary, LaBSE's kind (Feng et al. 2022, sec. 3.1)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
import pathlib

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from labse_jax.base.errors import InputError
from labse_jax.base.types import PathLike
from labse_jax.tokenizer import unigram

PREFIX = "##"  # Marks a piece that goes on with a word.
COVERAGE = 0.9995  # The share of all characters that the alphabet must have, as for Unigram.
NORMALISER = normalizers.BertNormalizer(
  clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=False
)
WORDS = pre_tokenizers.BertPreTokenizer()


def train(sentences: Iterable[str], size: int) -> list[str]:
  """A list of `size` pieces, by id; the same for the same sentences in any order."""
  counts: Counter[str] = Counter()
  for sentence in sentences:
    text = NORMALISER.normalize_str(sentence)
    counts.update(word for word, _ in WORDS.pre_tokenize_str(text))
  if not counts:
    raise InputError("There is no text to train a vocabulary on.")
  alphabet = _alphabet(counts)
  # A word with another character is [UNK] as a whole, so it teaches nothing.
  words = {word: counts[word] for word in sorted(counts) if alphabet.issuperset(word)}
  pieces = list(unigram.SPECIAL.values()) + sorted(alphabet) + inner_pieces(words)
  problem = f"A vocabulary of {size} pieces cannot be trained here: "
  if len(pieces) > size:
    raise InputError(f"{problem}the characters of its text alone need {len(pieces)}.")
  pieces = merged(pieces, words, size)
  if len(pieces) < size:
    raise InputError(f"{problem}its text gives only {len(pieces)}; ask for fewer.")
  return pieces


def inner_pieces(words: Iterable[str]) -> list[str]:
  """The pieces of one character each that go on with a word, sorted."""
  found: set[str] = set()
  for word in words:
    found.update(word[1:])
  return [PREFIX + character for character in sorted(found)]


def _alphabet(words: Mapping[str, int]) -> set[str]:
  """The most frequent characters of counted words, as many as `COVERAGE` asks for."""
  characters: Counter[str] = Counter()
  for word, count in words.items():
    for character in word:
      characters[character] += count
  left = COVERAGE * characters.total()
  alphabet = set()
  # The code point breaks a tie, so that the order of the text does not matter.
  for character, count in sorted(characters.items(), key=lambda item: (-item[1], item[0])):
    if left <= 0:
      break
    alphabet.add(character)
    left -= count
  return alphabet


def merged(pieces: list[str], words: Mapping[str, int], size: int) -> list[str]:
  """The pieces with those that merging them makes, most frequent first, up to `size`."""
  backend = Tokenizer(models.WordPiece())
  backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
  # The trainer breaks ties by id, and it numbers characters in the order of a hash map, which
  # differs from run to run. As special tokens they have their ids before it begins.
  trainer = trainers.WordPieceTrainer(
    vocab_size=size,
    min_frequency=2,
    special_tokens=pieces,
    continuing_subword_prefix=PREFIX,
    show_progress=False,
  )
  backend.train_from_iterator((f"{word} " * count for word, count in words.items()), trainer)
  ids = backend.get_vocab()
  return sorted(ids, key=lambda piece: ids[piece])


def export(pieces: Sequence[str], folder: PathLike) -> None:
  """Writes tokenizer.json, tokenizer_config.json and vocab.txt, which BERT's tools read."""
  ids = {piece: number for number, piece in enumerate(pieces)}
  unk = unigram.SPECIAL["unk"]
  tokenizer = Tokenizer(models.WordPiece(ids, unk_token=unk, continuing_subword_prefix=PREFIX))
  tokenizer.normalizer = NORMALISER
  tokenizer.pre_tokenizer = WORDS
  tokenizer.decoder = decoders.WordPiece(prefix=PREFIX)
  unigram.save(tokenizer, folder, second_type=1)
  text = "".join(f"{piece}\n" for piece in pieces)
  (pathlib.Path(folder) / "vocab.txt").write_text(text, "utf-8")
