"""English sentences that look like another and mean something else, by rules."""

from collections.abc import Callable, Sequence
import random
import re

VARIANTS = 3  # At most, of each kind of perturbation.
# fmt: off
NUMBER_WORDS = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
                "twelve", "twenty", "thirty", "forty", "fifty", "hundred", "thousand", "million",
                "billion"]
# fmt: on
NUMBER = re.compile(rf"\d+|\b(?:{'|'.join(NUMBER_WORDS)})\b")
NAME_WORD = r"(?=\w*[a-z])[A-Z][^\W\d_]+(?!\w)"  # A whole word, and no acronym.
NAME = re.compile(rf"(?<=[\w,;] ){NAME_WORD}(?: {NAME_WORD})*")  # Not at the sentence's beginning.
AUXILIARY = re.compile(
  r"\b(?:is|are|was|were|will|would|can|could|should|must|may|might|has|have"
  r"|had|does|do|did)\b(?!n['\u2019]t)"
)
NEGATION = re.compile(r"\b(?P<full>ca|wo)n['\u2019]t\b|n['\u2019]t\b|\bcan(?P<join>not)\b| not\b")
FULL = {"ca": "can", "wo": "will"}


def perturbed(sentences: Sequence[str], seed: int = 0) -> list[tuple[int, str, str]]:
  """[(row, kind, sentence)] of perturbations of each sentence, none of which is a sentence itself.

  "number" changes a number, "name" puts a capitalised name of another sentence in place of one,
  "negation" removes a "not" or adds one, "order" exchanges neighbouring words or clauses.
  """
  all_names: set[str] = set()
  for sentence in sentences:
    all_names.update(NAME.findall(sentence))
  names = sorted(all_names)  # A set has no order, and a draw must be the same again.
  taken = set(sentences)
  found = []
  for row, sentence in enumerate(sentences):
    # The seed and the sentence alone decide, whatever sentences stand before it.
    rng = random.Random(f"{seed} {sentence}")
    for kind, change in KINDS.items():
      changed = [change(sentence, rng, names) for _ in range(VARIANTS)]
      for text in changed:
        if text is not None and text not in taken:
          taken.add(text)
          found.append((row, kind, text))
  return found


def change_number(sentence: str, rng: random.Random, _: Sequence[str]) -> str | None:
  """The sentence with another number of as many digits, or another number word; or None."""
  match = _one(NUMBER, sentence, rng)
  if match is None:
    return None
  old = match[0]
  if not old.isdecimal():
    return _replaced(match, rng.choice([word for word in NUMBER_WORDS if word != old]))
  low = 10 ** (len(old) - 1) if len(old) > 1 else 0
  new = rng.randrange(low, 10 ** len(old) - 1)
  if new >= int(old):  # Skips the old one, so that all others are as likely.
    new += 1
  return _replaced(match, str(new))


def change_name(sentence: str, rng: random.Random, names: Sequence[str]) -> str | None:
  """The sentence with one of its names replaced by one of `names` that it lacks; or None."""
  match = _one(NAME, sentence, rng)
  if match is None:
    return None
  others = [name for name in names if name not in sentence]
  return _replaced(match, rng.choice(others)) if others else None


def change_negation(sentence: str, rng: random.Random, _: Sequence[str]) -> str | None:
  """The sentence without one of its negations, or with one after an auxiliary verb; or None."""
  match = _one(NEGATION, sentence, rng)
  if match:
    return _replaced(match, _affirmed(match))
  match = _one(AUXILIARY, sentence, rng)
  return match and _replaced(match, f"{match[0]} not")


def _affirmed(match: re.Match[str]) -> str:
  """What stays of a negation: "can" of "can't" and "cannot", "will" of "won't", else nothing."""
  if match["join"]:
    return "can"
  return FULL.get(match["full"], "")


def change_order(sentence: str, rng: random.Random, _: Sequence[str]) -> str | None:
  """The sentence with two neighbouring clauses, or else words, exchanged; or None."""
  body = sentence.rstrip(".!?")
  end = sentence[len(body) :]
  clauses = body.split(", ")
  if len(clauses) > 1 and rng.random() < 0.5:
    return ", ".join(_exchanged(clauses, rng)) + end
  words = body.split(" ")
  if len(words) == 1:
    return None
  return " ".join(_exchanged(words, rng)) + end


def _exchanged(parts: Sequence[str], rng: random.Random) -> list[str]:
  """The parts with two neighbours exchanged."""
  place = rng.randrange(len(parts) - 1)
  return [*parts[:place], parts[place + 1], parts[place], *parts[place + 2 :]]


def _one(pattern: re.Pattern[str], sentence: str, rng: random.Random) -> re.Match[str] | None:
  """One of the pattern's matches in a sentence; or None."""
  matches = list(pattern.finditer(sentence))
  return rng.choice(matches) if matches else None


def _replaced(match: re.Match[str], new: str) -> str:
  """The sentence of a match, with something new in its place."""
  return match.string[: match.start()] + new + match.string[match.end() :]


KINDS: dict[str, Callable[[str, random.Random, Sequence[str]], str | None]] = {
  "number": change_number,
  "name": change_name,
  "negation": change_negation,
  "order": change_order,
}
