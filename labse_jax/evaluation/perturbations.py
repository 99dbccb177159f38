"""English sentences that look like another and mean something else, by rules."""

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


def perturbed(sentences, seed=0):
  """[(row, kind, sentence)] of perturbations of each sentence, none of which is a sentence itself.

  "number" changes a number, "name" puts a capitalised name of another sentence in place of one,
  "negation" removes a "not" or adds one, "order" exchanges neighbouring words or clauses.
  """
  names = sorted({name for sentence in sentences for name in NAME.findall(sentence)})
  taken, found = set(sentences), []
  for row, sentence in enumerate(sentences):
    rng = random.Random(f"{seed} {sentence}")
    for kind, change in KINDS.items():
      changed = (change(sentence, rng, names) for _ in range(VARIANTS))
      for text in dict.fromkeys(changed):
        if text is not None and text not in taken:
          taken.add(text)
          found.append((row, kind, text))
  return found


def change_number(sentence, rng, _):
  """The sentence with another number of as many digits, or another number word; or None."""
  match = _one(NUMBER, sentence, rng)
  if match is None:
    return None
  old = match[0]
  if not old.isdecimal():
    return _replaced(match, rng.choice([word for word in NUMBER_WORDS if word != old]))
  low = 10 ** (len(old) - 1) if len(old) > 1 else 0
  new = rng.randrange(low, 10 ** len(old) - 1)
  return _replaced(match, str(new + (new >= int(old))))  # Any but the old one.


def change_name(sentence, rng, names):
  """The sentence with one of `names` that it lacks in place of one of its own; or None."""
  match = _one(NAME, sentence, rng)
  others = [name for name in names if name not in sentence] if match else []
  return _replaced(match, rng.choice(others)) if others else None


def change_negation(sentence, rng, _):
  """The sentence without one of its negations, or with one after an auxiliary verb; or None."""
  match = _one(NEGATION, sentence, rng)
  if match:
    return _replaced(match, FULL.get(match["full"], "can" if match["join"] else ""))
  match = _one(AUXILIARY, sentence, rng)
  return match and _replaced(match, f"{match[0]} not")


def change_order(sentence, rng, _):
  """The sentence with two neighbouring clauses, or else words, exchanged; or None."""
  body = sentence.rstrip(".!?")
  clauses = body.split(", ")
  if len(clauses) > 1 and rng.random() < 0.5:
    return ", ".join(_exchanged(clauses, rng)) + sentence[len(body) :]
  words = body.split(" ")
  return " ".join(_exchanged(words, rng)) + sentence[len(body) :] if len(words) > 1 else None


def _exchanged(parts, rng):
  place = rng.randrange(len(parts) - 1)
  return [*parts[:place], parts[place + 1], parts[place], *parts[place + 2 :]]


def _one(pattern, sentence, rng):
  matches = list(pattern.finditer(sentence))
  return rng.choice(matches) if matches else None


def _replaced(match, new):
  return match.string[: match.start()] + new + match.string[match.end() :]


KINDS = {
  "number": change_number,
  "name": change_name,
  "negation": change_negation,
  "order": change_order,
}
