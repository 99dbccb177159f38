"""Mined hard negatives: stored with the dataset, or in a run, and looked up by the batches."""

from collections.abc import Callable
import dataclasses
import pathlib
from typing import Any

import jax
import numpy as np

from labse_jax import model_folder
from labse_jax.base import files
from labse_jax.base.console import say
from labse_jax.base.errors import InputError
from labse_jax.base.types import Config, PathLike
from labse_jax.base.writing import digests
from labse_jax.data.dataset import Dataset
from labse_jax.encoding.encode_functions import encode_function
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.supervision import manifest, settings
from labse_jax.supervision.negative_mining import mine
from labse_jax.supervision.negative_rule import CANDIDATES, MARGIN, Rule

# Indices of pairs -> the texts of each pair's negatives.
TextsOf = Callable[[np.ndarray], list[list[str]]]

LEAST = 5  # What training mines for each pair, so that a larger k does not mine all again.
KINDS = {
  "model": "a folder",
  "k": "a whole number",
  "margin": "a number",
  "candidates": "a whole number",
  "prompt": "a text or None",
  "every": "a whole number",
}


@dataclasses.dataclass(frozen=True)
class Place:
  """The folder of what was mined, and what its manifest must say for it to be used."""

  folder: pathlib.Path
  about: dict[str, Any]


def checked(config: Config) -> dict[str, Any]:
  """config.hard_negatives as arguments of `look_up`, and `every`; InputError where it is wrong."""
  section = config.get("hard_negatives")
  if not section:
    raise InputError(
      f"Loss {config.loss!r} needs hard negatives: config.hard_negatives = dict(model=FOLDER, "
      "k=5). --config experiments/ablations/hard_negatives.py:miner=FOLDER,data=FOLDER has them."
    )
  # `every` goes to the task, which mines again so often.
  options = settings.arguments(
    "hard_negatives", section, look_up, given=["dataset"], more=["every"], needed=["model", "k"]
  )
  settings.check_kinds("hard_negatives", options, KINDS)
  options.setdefault("every", 0)
  if options["every"] < 0:
    raise InputError(
      f"config.hard_negatives.every = {options['every']}: a number of steps is "
      "allowed, or 0 for never."
    )
  rule_of(**options)  # Whether its numbers make sense.
  return options


def rule_of(*, k: int, margin: float = MARGIN, candidates: int = CANDIDATES, **_: object) -> Rule:
  """The Rule in the arguments of `look_up`."""
  return Rule(k, margin, candidates)


def look_up(
  dataset: Dataset,
  *,
  model: PathLike,
  k: int,
  margin: float = MARGIN,
  candidates: int = CANDIDATES,
  prompt: str | None = None,
) -> TextsOf:
  """A function of N indices that gives k texts for each, as `data.batches.pairs` wants them.

  One host mines them first where they are missing. Raises InputError where several hosts would have
  to, where fewer than k were mined, or where what is there has another model, text or settings.
  """
  rule = Rule(k, margin, candidates)
  stored = place(dataset, model, rule, prompt)
  command = (
    f"python -m labse_jax.hard_negatives --model {model} --data {dataset.folder} --k {k} "
    f"--margin {margin} --candidates {candidates}"
  )
  if prompt is not None:
    command += f" --prompt {prompt!r}"
  if not stored.folder.exists():
    if jax.process_count() > 1:
      raise InputError(
        f"{stored.folder}: no hard negatives are mined, and there are several hosts; run "
        f"this on one of them first: {command}"
      )
    more = dataclasses.replace(rule, k=max(k, min(LEAST, candidates)))
    mine_by_folder(dataset, model, more, stored)
  return texts_of(dataset, read(stored, k, f"remove it, or run: {command}"))


def place(dataset: Dataset, model: PathLike, rule: Rule, prompt: str | None = None) -> Place:
  """The Place of what a model folder mines by `rule`.

  `prompt` is put before each text; None is the model's own prompt.
  """
  content = model_folder.describe(model)
  if prompt is None:
    prompt = content.prompt
  about = {"model": model_folder.fingerprint_of(model), "prompt": prompt}
  # Without k: what was mined for a larger k serves a smaller one.
  name = manifest.folder_name([about, rule.margin, rule.candidates])
  return Place(dataset.folder / "hard_negatives" / name, about | _about(dataset, rule))


def mine_by_folder(
  dataset: Dataset, model: PathLike, rule: Rule, stored: Place, *, precision: str = "float32"
) -> dict[str, Any]:
  """Mines by a model folder into its Place `stored`; returns the manifest."""
  files.check_replaceable(stored.folder, marker=manifest.NAME)
  say(f"{stored.folder}: {model} mines hard negatives of {len(dataset):,} pairs, once.")
  encoder = SentenceEncoder.load(model, dtype=precision)
  encode = encode_function(encoder, prompt=stored.about["prompt"], progress=True)
  negatives_NK, counts = mine(dataset, encode, rule)
  about = stored.about | {"precision": precision}
  return _write(stored.folder, negatives_NK, counts, about)


def mine_in_run(
  dataset: Dataset, encoder: SentenceEncoder, rule: Rule, run: pathlib.Path, step: int
) -> None:
  """Mines by what a run has learned until `step`, into the run's folder of hard negatives."""
  negatives_NK, counts = mine(dataset, encode_function(encoder, warn=False), rule)
  stored = _place_in_run(dataset, rule, run, step)
  _write(stored.folder, negatives_NK, counts, stored.about)


def look_up_in_run(dataset: Dataset, rule: Rule, run: pathlib.Path, step: int) -> TextsOf | None:
  """`look_up` in what the run mined last, at `step` or before; None where it mined nothing."""
  last = None
  for path in run.glob("*"):
    if path.name.isdigit() and int(path.name) <= step:
      last = max(last or 0, int(path.name))
  if last is None:
    return None
  stored = _place_in_run(dataset, rule, run, last)
  return texts_of(dataset, read(stored, rule.k, "train in a new workdir."))


def _place_in_run(dataset, rule, run, step):
  return Place(run / str(step), {"step": step} | _about(dataset, rule))


def read(stored: Place, k: int, advice: str) -> np.ndarray:
  """The first k columns of what was mined in a Place, int32 [N, k], mapped into memory.

  Raises InputError, with `advice` on what to do, where something else lies there.
  """
  folder = stored.folder
  manifest.read_checked(folder, stored.about, advice)
  # What earlier versions mined has no digests.
  damage = digests.damage(folder) if digests.has(folder) else None
  if damage:
    raise InputError(f"{folder}: is damaged ({damage}); {advice}")
  try:
    negatives_NK = np.load(folder / "negatives.npy", mmap_mode="r")
  except (OSError, ValueError, EOFError) as error:
    raise InputError(f"{folder}: is damaged ({error}); {advice}") from error
  if k > negatives_NK.shape[1]:
    raise InputError(
      f"{folder}: {negatives_NK.shape[1]} hard negatives were mined for each pair, "
      f"k = {k} is asked for; {advice}"
    )
  return negatives_NK[:, :k]


def texts_of(dataset: Dataset, negatives_NK: np.ndarray) -> TextsOf:
  """A function of indices that gives the texts of their negatives, "" where there is none."""

  def texts(indices):
    # A record that is the negative of several pairs is read once.
    record_U, place_NK = np.unique(negatives_NK[indices], return_inverse=True)
    records = record_U[record_U >= 0].tolist()
    found = [""] * (len(record_U) - len(records))  # The -1, which comes first.
    found += [example["target"] for example in dataset.source.__getitems__(records)]
    text_U = np.array(found, object)
    return text_U[place_NK.reshape(len(indices), -1)].tolist()

  return texts


def _about(dataset, rule):
  if dataset.monolingual:
    raise InputError(f"{dataset.folder}: has no translations; hard negatives are of pairs.")
  return {
    "data": dataset.fingerprint,
    "pairs": len(dataset),
    "margin": rule.margin,
    "candidates": rule.candidates,
  }


def _write(folder, negatives_NK, counts, about):
  found = about | {"k": negatives_NK.shape[1]} | counts
  with files.replacing_folder(folder, marker=manifest.NAME) as partial:
    np.save(partial / "negatives.npy", negatives_NK)
    files.write_json(partial / manifest.NAME, found)
    digests.write(partial)
  return found
