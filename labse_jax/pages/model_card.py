"""The card of a trained model: what its run's config, dataset and metrics say of it."""

from collections.abc import Iterator, Sequence
import contextlib
import json
import math
import pathlib
import re

import numpy as np

from labse_jax.base import plugins
from labse_jax.base.files import read_json
from labse_jax.base.types import Config, PathLike
from labse_jax.data.batches.streams import chosen_languages
from labse_jax.data.language_names import named
from labse_jax.data.languages import UNKNOWN
from labse_jax.model_folder.card import About, shown

MOST_NAMED = 40  # Pairs of languages that a card names.
# A code of a language with its script or region: "eng-zho-Hans" holds two.
_CODE = re.compile(r"(?<![A-Za-z])[a-z]{2,3}(?:[-_](?:[A-Z][a-z]{3}|[A-Z]{2}|\d{3}))*")


def about(config: Config, datasets: Sequence[PathLike], workdir: pathlib.Path, steps: int) -> About:
  """What the card of the model says after a run of so many steps on these datasets.

  A long run has ended: whatever cannot be read any more, the card leaves out.
  """
  languages: set[str] = set()
  sentences = []
  for folder in datasets:
    # A task of one's own may read anything, and a dataset may have moved since it was opened.
    try:
      codes, found = _data(pathlib.Path(folder).expanduser(), config.get("language_pairs", ()))
    except (OSError, ValueError):
      codes, found = set(), [f"It learned from {shown(folder)}."]
    languages |= codes
    sentences += found
  measured = tuple(_measured(config, _last_row(workdir / "metrics.jsonl", steps)))
  if measured:
    sentences.append("A result below is in-domain if its test text has the same source.")
  return About(
    made=tuple(_made(config, steps)),
    data=tuple(sentences),
    measured=measured,
    base=config.get("init") or None,
    languages=tuple(sorted(languages - {UNKNOWN})),
  )


def _made(config, steps):
  yield f"labse_jax trained it in {steps:,} steps by {_objective(config)}, seed {config.seed}."
  if config.get("init"):
    yield f"It began as {shown(config.init)}."
  else:
    yield "It began with random weights."
  for section, begins in (
    ("teacher", "Its teacher was"),
    ("hard_negatives", "Its negatives are of"),
  ):
    model = (config.get(section) or {}).get("model")
    if model:
      yield f"{begins} {shown(model)}."


def _objective(config):
  # A file of a person's own is named without its folder.
  task = plugins.stem(config.task)
  if task == "pretrain":
    return "masked and translation language modelling"
  if task == "dual_encoder":
    return f"the loss {plugins.stem(config.loss)}"
  return f"the task {task}"


def _data(folder, patterns):
  """The languages of a dataset folder that the patterns name, and sentences about it."""
  names = read_json(folder / "language_pairs.json", kind=list)
  numbers = np.bincount(np.load(folder / "language_pairs.npy"), minlength=len(names))
  counts = chosen_languages(dict(zip(names, numbers.tolist(), strict=True)), patterns)
  languages = {name: _codes(name) for name in counts}
  pairs = any(len(codes) > 1 for codes in languages.values())
  what = "pairs of a text and its translation" if pairs else "texts"
  order = sorted(filter(counts.get, counts), key=lambda name: -counts[name])
  rows = [
    f"{' with '.join(map(named, languages[name])) or name}: {counts[name]:,}" for name in order
  ]
  more = f"; and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
  sentences = [
    f"{sum(counts.values()):,} {what}, of the dataset {shown(folder)}.",
    f"By language, the most first: {'; '.join(rows[:MOST_NAMED])}{more}.",
  ]
  return {code for name in order for code in languages[name]}, sentences


def _codes(name):
  """The codes in the name of a pair of languages; none where it is not made of such codes."""
  codes = _CODE.findall(name)
  return codes if "-".join(codes) == name else []


def _last_row(metrics, steps):
  """What was logged of the last step, after which the model was evaluated; {} where it is lost."""
  if metrics.is_file():
    for line in reversed(metrics.read_text(encoding="utf-8", errors="replace").splitlines()):
      with contextlib.suppress(ValueError):  # A line that a crash cut short.
        row = json.loads(line)
        if row.get("step") == steps - 1:  # Steps count from 0.
          return row
  return {}


def _measured(config: Config, row: dict[str, object]) -> Iterator[tuple[str, str, str]]:
  """The results of the run's evaluators in a row of the log: what, result, on which data."""
  for name, section in config.evals.to_dict().items():
    for key, value in row.items():
      if key.startswith(f"{name}/") and isinstance(value, float) and math.isfinite(value):
        on = shown(section["data"]) if isinstance(section.get("data"), str) else "-"
        kind = plugins.stem(section["type"])
        yield f"{key.removeprefix(name + '/')} ({kind})", f"{value:.4f}", on
