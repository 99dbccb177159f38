"""The card of a trained model: what its run's config, dataset and metrics say of it."""

from collections.abc import Iterator
import contextlib
import json
import pathlib
import re
from typing import Any

import numpy as np

from labse_jax.base.files import read_json
from labse_jax.base.types import Config
from labse_jax.data.language_names import named
from labse_jax.model_folder.card import About, shown

MOST_NAMED = 40  # Pairs of languages that a card names.
OBJECTIVES = {"pretrain": "masked and translation language modelling"}
# A code of a language with its script or region: "eng-zho-Hans" holds two.
_CODE = re.compile(r"(?<![A-Za-z])[a-z]{2,3}(?:[-_](?:[A-Z][a-z]{3}|[A-Z]{2}|\d{3}))*")


def about(config: Config, workdir: pathlib.Path, steps: int) -> About:
  """What the card of the model of a finished run says."""
  languages: set[str] = set()
  sentences = []
  for folder in filter(None, (config.get("text"), config.data)):
    codes, found = _data(pathlib.Path(folder).expanduser())
    languages |= codes
    sentences += found
  measured = tuple(_measured(config, workdir / "metrics.jsonl"))
  if measured:
    sentences.append("A result below is in-domain if its test text has the same source.")
  return About(
    made=tuple(_made(config, steps)),
    data=tuple(sentences),
    measured=measured,
    base=config.get("init") or None,
    languages=tuple(sorted(languages)),
  )


def _made(config, steps):
  objective = OBJECTIVES.get(config.task, f"the loss {config.get('loss')}")
  yield f"labse_jax trained it in {steps:,} steps by {objective}, with the seed {config.seed}."
  if config.get("init"):
    yield f"It began as {shown(config.init)}."
  else:
    yield "It began with random weights."
  for section, role in (("teacher", "its teacher"), ("hard_negatives", "what mined its negatives")):
    model = (config.get(section) or {}).get("model")
    if model:
      yield f"{shown(model)} was {role}."


def _data(folder):
  """The languages of a dataset folder, and sentences about it."""
  if not (folder / "language_pairs.json").is_file():  # A task of one's own may read anything.
    return set(), [f"It learned from {shown(folder)}."]
  names = read_json(folder / "language_pairs.json", kind=list)
  counts = np.bincount(np.load(folder / "language_pairs.npy"), minlength=len(names))
  languages = {name: _CODE.findall(name) for name in names}
  pairs = any(len(codes) > 1 for codes in languages.values())
  what = "pairs of a text and its translation" if pairs else "texts"
  order = [n for n in np.argsort(-counts, kind="stable") if counts[n]]
  rows = [f"{' with '.join(map(named, languages[names[n]]))}: {counts[n]:,}" for n in order]
  more = f"; and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
  sentences = [
    f"{counts.sum():,} {what}, of the dataset {shown(folder)}.",
    f"By language, the most first: {'; '.join(rows[:MOST_NAMED])}{more}.",
  ]
  return {code for n in order for code in languages[names[n]]}, sentences


def _measured(config: Config, metrics: pathlib.Path) -> Iterator[tuple[str, str, str]]:
  """The last result of each of the run's evaluators: what, result, on which data."""
  last: dict[str, Any] = {}
  if metrics.is_file():
    for line in metrics.read_text(encoding="utf-8", errors="replace").splitlines():
      with contextlib.suppress(ValueError):  # A line that a crash cut short.
        last |= json.loads(line)
  for name, section in config.evals.to_dict().items():
    for key, value in last.items():
      if key.startswith(f"{name}/") and isinstance(value, float):
        on = shown(section["data"]) if isinstance(section.get("data"), str) else "-"
        yield f"{key.removeprefix(name + '/')} ({section['type']})", f"{value:.4f}", on
