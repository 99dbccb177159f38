"""Mined hard negatives: stored with the dataset, or in a run, and looked up by the batches."""

import dataclasses
import hashlib
import inspect
import json
import sys

import jax
import numpy as np

from labse_jax import model_folder
from labse_jax.base import files, fingerprint
from labse_jax.base.console import say
from labse_jax.base.errors import InputError, known
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.supervision.negative_mining import CANDIDATES, MARGIN, Rule, mine

LEAST = 5  # What training mines for each pair, so that a larger k does not mine all again.
MANIFEST = "manifest.json"
DIFFERS = {
  "model": "by another model",
  "prompt": "with another prompt",
  "data": "in another text",
  "pairs": "in another number of pairs",
  "margin": "with another margin",
  "candidates": "among another number of candidates",
  "step": "at another step",
}


def checked(config):
  """config.hard_negatives as arguments of `look_up`, and `every`; InputError where it is wrong."""
  section = config.get("hard_negatives")
  if not section:
    raise InputError(
      f"Loss {config.loss!r} needs hard negatives: config.hard_negatives = dict(model=FOLDER, k=5)."
    )
  names = inspect.signature(look_up).parameters.keys() - {"dataset"} | {"every"}
  options = {
    known("name in config.hard_negatives", name, names): value for name, value in section.items()
  }
  if lacking := [name for name in ("model", "k") if not options.get(name)]:
    raise InputError(f"config.hard_negatives lacks {lacking}.")
  if options.setdefault("every", 0) < 0:
    raise InputError(
      f"config.hard_negatives.every = {options['every']}: a number of steps is "
      "allowed, or 0 for never."
    )
  rule_of(**options)  # Whether its numbers make sense.
  return options


def rule_of(*, k, margin=MARGIN, candidates=CANDIDATES, **_):
  """The Rule in the arguments of `look_up`."""
  return Rule(k, margin, candidates)


def look_up(dataset, *, model, k, margin=MARGIN, candidates=CANDIDATES, prompt=None):
  """A function of N indices that gives k texts for each, as `data.pipeline.batches` wants them.

  They are mined first where they have not been, if there is one host. Raises InputError where fewer
  than k were mined, or what lies there is not of this model, text and settings.
  """
  rule = Rule(k, margin, candidates)
  folder, about = place(dataset, model, rule, prompt)
  command = (
    f"python -m labse_jax.hard_negatives --model {model} --data {dataset.folder} --k {k} "
    f"--margin {margin} --candidates {candidates}"
  )
  command += "" if prompt is None else f" --prompt {prompt!r}"
  if not folder.exists():
    if jax.process_count() > 1:
      raise InputError(
        f"{folder}: no hard negatives are mined, and there are several hosts; run "
        f"this on one of them first: {command}"
      )
    more = dataclasses.replace(rule, k=max(k, min(LEAST, candidates)))
    mine_by_folder(dataset, model, more, folder, about)
  return texts_of(dataset, read(folder, about, k, f"remove it, or run: {command}"))


def place(dataset, model, rule, prompt=None):
  """(the folder for what a model folder mines by `rule`, what its manifest must say).

  `prompt` is put before each text, the model's own if None.
  """
  content = model_folder.describe(model)
  if prompt is None:
    prompt = content.prompt
  about = {"model": fingerprint.model(model), "prompt": prompt}
  key = json.dumps([about, rule.margin, rule.candidates])
  name = hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
  return dataset.folder / "hard_negatives" / name, about | _about(dataset, rule)


def mine_by_folder(dataset, model, rule, folder, about, *, precision="float32"):
  """Mines by a model folder into the `place` of it; returns the manifest."""
  files.check_replaceable(folder, marker=MANIFEST)
  say(f"{folder}: {model} mines hard negatives of {len(dataset):,} pairs, once.")
  encoder = SentenceEncoder.load(model, precision=precision)
  options = {"prompt": about["prompt"], "show_progress_bar": sys.stderr.isatty()}

  def encode(texts):
    return encoder.encode(texts, normalize_embeddings=True, **options)

  return _write(folder, *mine(dataset, encode, rule), about | {"precision": precision})


def mine_in_run(dataset, encoder, rule, run, step):
  """Mines by what a run has learned until `step`, into the run's folder of hard negatives."""

  def encode(texts):
    return encoder.encode(texts, normalize_embeddings=True, warn=False)

  _write(run / str(step), *mine(dataset, encode, rule), {"step": step} | _about(dataset, rule))


def look_up_in_run(dataset, rule, run, step):
  """`look_up` in what the run mined last, at `step` or before; None where it mined nothing."""
  steps = [int(path.name) for path in run.glob("*") if path.name.isdigit()]
  last = max((one for one in steps if one <= step), default=None)
  if last is None:
    return None
  about = {"step": last} | _about(dataset, rule)
  return texts_of(dataset, read(run / str(last), about, rule.k, "train in a new workdir."))


def read(folder, about, k, advice):
  """The first k columns of what was mined, mapped into memory; InputError if it is not `about`."""
  manifest = files.read_json(folder / MANIFEST)
  for name, wanted in about.items():
    if manifest.get(name) != wanted:
      raise InputError(
        f"{folder}: was mined {DIFFERS[name]} ({name} is {manifest.get(name)!r} in "
        f"its {MANIFEST}, {wanted!r} is asked for); {advice}"
      )
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


def texts_of(dataset, negatives_NK):
  """A function of indices that gives the texts of their negatives, "" where there is none."""

  def texts(indices):
    record_U, place_NK = np.unique(negatives_NK[indices], return_inverse=True)
    records = record_U[record_U >= 0].tolist()
    found = [""] * (len(record_U) - len(records))  # The -1, which comes first.
    found += [example["target"] for example in dataset.source.__getitems__(records)]
    return [[found[n] for n in row] for row in place_NK.reshape(len(indices), -1).tolist()]

  return texts


def _about(dataset, rule):
  if dataset.monolingual:
    raise InputError(f"{dataset.folder}: has no translations; hard negatives are of pairs.")
  return {
    "data": fingerprint.dataset(dataset.folder),
    "pairs": len(dataset),
    "margin": rule.margin,
    "candidates": rule.candidates,
  }


def _write(folder, negatives_NK, counts, about):
  manifest = about | {"k": negatives_NK.shape[1]} | counts
  with files.replacing_folder(folder, marker=MANIFEST) as partial:
    np.save(partial / "negatives.npy", negatives_NK)
    files.write_json(partial / MANIFEST, manifest)
  return manifest
