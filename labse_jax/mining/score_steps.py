"""How many pairs stand above which score, for a person who chooses a threshold."""

from collections.abc import Sequence
import unicodedata

from labse_jax.mining.pair_files import ScoredPair

SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)
WIDTH = 80
HEAD = "score     pairs  the pair there"


def table(pairs: Sequence[ScoredPair]) -> list[str]:
  """Lines of a table of ScoredPairs, which come best first: a score, its rank, and its pair."""
  ranks = sorted({max(1, round(share * len(pairs))) for share in SHARES})
  lines = [HEAD]
  for rank in ranks if pairs else []:
    pair = pairs[rank - 1]
    numbers = f"{pair.score:.4f}{rank:>9,}  "
    side = (WIDTH - len(numbers) - len(" | ")) // 2
    lines.append(f"{numbers}{cut(pair.source, side)} | {cut(pair.target, side)}")
  return lines


def cut(text: str, width: int) -> str:
  """A text on one line that takes at most so many columns of a terminal."""
  # A control character in a text from elsewhere could command the terminal.
  shown = "".join(letter if letter.isprintable() else " " for letter in text)
  columns = 0
  for place, letter in enumerate(shown):
    columns += _columns(letter)
    if columns > width:
      return _cut(shown[:place], width)
  return shown


def _cut(text: str, width: int) -> str:
  """A text that is too long, with an ellipsis that fits, too."""
  while text and sum(map(_columns, text)) > width - 1:
    text = text[:-1]
  return text + "…"


def _columns(letter: str) -> int:
  """How many columns of a terminal a character takes."""
  if unicodedata.combining(letter):
    return 0
  return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
