"""What the cards of model folders say that trim, extend and convert made."""

from collections.abc import Mapping, Sequence
from typing import Any

from labse_jax.base.errors import listed
from labse_jax.model_folder.card import About, shown


def trimmed(facts: Mapping[str, Any]) -> About:
  """About a model that was cut to a text; `facts` are those of certificate.json."""
  rows = facts["rows"]
  lines = facts["lines"]
  same = facts["identical"]["lines"]
  equal = "lines with the same word pieces as in the full model"
  if not facts["drift"]:
    equal += ", and so with the same vectors"
  measured = [(equal, f"{same:,} of {lines:,}", "the text")]
  for name, found in (("storage", facts["drift"]), ("fewer pieces", facts["others"])):
    if found and found["lines"]:
      least = f"{found['worst_cosine']:.6f}, of {found['lines']:,} lines"
      measured.append((f"lowest cosine to the full model's vectors, by {name}", least, "the text"))
  full = shown(facts["model"])
  return About(
    made=(
      f"labse_jax cut it from {full}: of {rows['before']:,} word pieces it keeps "
      f"the {rows['after']:,} that a text needs. Nothing was trained.",
    ),
    data=(
      _text(facts["text"], "The text that it was cut to: "),
      "Other text may be split into smaller pieces, even into letters, or hold letters that are "
      "unknown here. Its vectors then differ from the full model's, and were not measured.",
      f"What the full model learned from, only {full} can say.",
      "certificate.json has the details.",
    ),
    measured=tuple(measured),
    base=facts["model"],
  )


def extended(facts: Mapping[str, Any]) -> About:
  """About a model with new word pieces; `facts` are those of new_pieces.json."""
  measured = []
  for when in ("before", "after"):
    found = facts[when]
    result = f"{found['tokens_per_line']:.2f}, {found['unknown_share']:.2%} of them unknown"
    measured.append((f"tokens of a line, {when}", result, "the text"))
  return About(
    made=(
      f"labse_jax added {len(facts['pieces']):,} word pieces to {shown(facts['model'])}.",
      "The vector of each began as the mean of the pieces that it was split into before.",
      "The new pieces are untrained: train the model before you use it.",
    ),
    data=(_text(facts["text"], "The new pieces were learned from the text: "),),
    measured=tuple(measured),
    base=facts["model"],
  )


def converted(checkpoint: str, pooling: str, check: str) -> About:
  """About a model read from TensorFlow; `check` is what a comparison of vectors gave, if any."""
  measured = ("vectors beside those that were expected", check, "the texts of --check")
  return About(
    made=(
      f"labse_jax read it from the TensorFlow checkpoint {shown(checkpoint)}.",
      f"Pooling: {pooling}.",
    ),
    measured=(measured,) if check else (),
  )


def _text(files: Sequence[str], words: str) -> str:
  return f"{words}{listed(map(shown, files))}."
