"""What a teacher gives for a dataset's pairs: stored vectors, or its encoder's in the step."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from labse_jax import model_folder
from labse_jax.base.console import say
from labse_jax.base.errors import InputError, known, listed
from labse_jax.base.types import Config, PathLike
from labse_jax.data.dataset import Dataset
from labse_jax.data.languages import standard_language
from labse_jax.models import heads
from labse_jax.neighbours.unit_vectors import unit
from labse_jax.supervision import settings, vector_store
from labse_jax.tokenizer.tokenizer import Tokenizer

KINDS = {"model": "a folder", "order": "a list of texts", "prompt": "a text or None"}
CHOICES = {
  "labels": ("priority", "average"),
  "where": ("stored", "step"),
  "projection": ("", "pca"),
}

EXPERIMENTS = {  # Those of experiments/imascl that give a loss its teacher.
  "tcm": "tcm.py",
  "mse_distillation": "mse.py",
  "similarity_distillation": "similarity.py",
}


def look_up(
  dataset: Dataset,
  *,
  model: PathLike,
  labels: str,
  student_width: int | None = None,
  order: Sequence[str] = (),
  prompt: str | None = None,
  where: str = "stored",
  projection: str = "",
) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
  """A function of N indices that gives {"teacher": float16 [N, P], unit vectors} of the pairs.

  labels "priority" takes the vector of the side whose language comes first in `order`. "average"
  takes both sides' vectors side by side, each divided by the root of 2, so that P is twice the
  teacher's width. `projection` "pca" turns each vector into one of `student_width` dimensions.
  One host computes vectors that are not stored yet. With `where` "step" the function gives what
  `in_step` wants instead.
  """
  side_N = anchor_sides(dataset, order) if labels == "priority" else None

  def anchors(indices):
    return {} if side_N is None else {"anchor": side_N[indices]}

  if where == "step":
    return anchors
  store = _stored(dataset, model, prompt)
  axes_PD = None
  if projection:
    assert student_width is not None, "`checked` gives the width that a projection needs"
    axes_PD = store.projection(student_width)

  def of_pairs(indices):
    vectors_NIP = store[indices]
    if side_N is not None:
      vectors_NIP = vectors_NIP[np.arange(len(indices)), side_N[indices]][:, None]
    if axes_PD is not None:
      vectors_NIP = unit(vectors_NIP.astype(np.float32) @ axes_PD)
    return {"teacher": _side_by_side(vectors_NIP)}

  return of_pairs


def _side_by_side(vectors_NIP):
  """I vectors of length 1 of each pair as one of length 1, float16."""
  count, sides, _ = vectors_NIP.shape
  vectors_NP = vectors_NIP.reshape(count, -1).astype(np.float32) / np.sqrt(sides)
  return vectors_NP.astype(np.float16)


def _stored(dataset, model, prompt):
  store = vector_store.Store(dataset, model, prompt=prompt)
  missing = len(store.missing())
  if missing and jax.process_count() > 1:
    words = "" if prompt is None else f" --prompt {prompt!r}"
    raise InputError(
      f"{store.folder}: the teacher's vectors are not there ({missing} files missing), and there "
      "are several hosts; run this on one of them first: python -m labse_jax.teach --model "
      f"{model} --data {dataset.folder}{words}"
    )
  if missing:
    say(f"{store.folder}: the teacher {model} encodes {len(dataset):,} pairs, once.")
    store.compute()
  return store


def anchor_sides(dataset: Dataset, order: Sequence[str]) -> np.ndarray:
  """Whose language comes first in `order`, int32 [N]: 0 is a pair's source, 1 its target.

  Codes are compared without script. Raises InputError where `order` lacks one of the dataset.
  """
  place_of: dict[str, int] = {}
  for place, code in enumerate(order):
    place_of.setdefault(_language(code), place)
  # One pair of each two languages tells for all pairs of them.
  firsts = [indices[0] for indices in dataset.indices_by_language.values() if len(indices)]
  side_of_languages = np.zeros(len(dataset.language_pairs), np.int32)
  missing = set()
  for first, example in zip(firsts, dataset.source.__getitems__(firsts), strict=True):
    source = _language(example["source_language"])
    target = _language(example["target_language"])
    missing |= {source, target} - place_of.keys()
    if not missing:
      number = dataset.language_numbers[first]
      side_of_languages[number] = place_of[target] < place_of[source]
  if missing:
    raise InputError(
      f"config.teacher.order = {tuple(order)}: misses {listed(sorted(missing))} of "
      f"{dataset.folder}; Priority needs all of its languages, the best first."
    )
  return side_of_languages[dataset.language_numbers]


def _language(code):
  return standard_language(code).partition("-")[0]


def checked(config: Config, student_width: int) -> dict[str, Any]:
  """config.teacher as arguments of `look_up`; InputError for what it lacks or has too much."""
  section = config.get("teacher")
  if not section:
    raise InputError(
      f"Loss {config.loss!r} needs a teacher: config.teacher = dict(model=FOLDER, "
      f"labels=...), labels one of {CHOICES['labels']}. --config experiments/imascl/"
      f"{EXPERIMENTS.get(config.loss, 'priority.py')}:model=FOLDER,teacher=FOLDER,data=FOLDER "
      "has one."
    )
  teacher = settings.arguments(
    "teacher", section, look_up, given=["dataset", "student_width"], needed=["model", "labels"]
  )
  settings.check_kinds("teacher", teacher, KINDS)
  for name, choices in CHOICES.items():
    known(f"config.teacher.{name}", teacher.get(name, choices[0]), choices)
  if teacher.get("where") == "step":
    _check_step(config, teacher)
  return teacher | {"student_width": student_width}


def _check_step(config, teacher):
  if teacher.get("projection"):
    raise InputError("config.teacher.projection: is of stored vectors; where = 'step' has none.")
  for name in ("row_sparse", "stages"):
    if config.get(name):
      raise InputError(
        f"config.teacher.where = 'step': cannot be combined with config.{name}; take 'stored'."
      )


def width(
  *, model: PathLike, labels: str, student_width: int, projection: str = "", **_: object
) -> int:
  """P, the width of what `look_up` gives, by what the teacher's folder says.

  Raises InputError where a projection would need more dimensions than the teacher has.
  """
  own = model_folder.describe(model).vector_width
  if projection and own < student_width:
    raise InputError(
      f"config.teacher.projection: {model} has {own} dimensions, fewer than the "
      f"student's {student_width}; take a wider teacher, or a loss of "
      "similarities without a projection."
    )
  sides = 2 if labels == "average" else 1
  return sides * (student_width if projection else own)


def check_comparable(teacher: Mapping[str, Any], loss: str, widths: Sequence[int]) -> None:
  """Raises InputError where a loss cannot subtract the student's vectors, of `widths`, from P."""
  if teacher["labels"] == "average":  # Two vectors side by side, whatever their dimensions.
    raise InputError(
      f"{loss}: takes one vector of the teacher for each pair, and config.teacher."
      "labels = 'average' gives two; what helps is labels = 'priority', or a loss "
      "of similarities."
    )
  found = width(**teacher)
  if set(widths) == {found}:
    return
  settings = []
  if found > max(widths):
    settings.append("projection = 'pca' in config.teacher")
  if len(widths) > 1:
    settings.append("no config.matryoshka")
  helps = " and ".join(settings)
  if helps:
    helps += ", or "
  raise InputError(
    f"{loss}: the teacher {teacher['model']} gives vectors of {found} dimensions, "
    f"the student of {', '.join(map(str, widths))}; what helps is {helps}a loss of similarities."
  )


def module(teacher: Mapping[str, Any], dtype: str, attention: str) -> heads.SentenceModel:
  """The teacher's SentenceModel, for the step; its vectors are of length 1."""
  content = model_folder.describe(teacher["model"])
  head = content.head | {"normalize": True}
  return heads.build(content.model, head, dtype=dtype, attention=attention)


def check_same_tokens(
  teacher: Mapping[str, Any], tokenizer: Tokenizer, prompt: str, length: int
) -> None:
  """Raises InputError where a teacher in the step would not see its own tokens."""
  content = model_folder.describe(teacher["model"])
  own = teacher.get("prompt")
  if own is None:
    own = content.prompt
  positions = content.model["positions"] - content.model["position_offset"]
  said = f"config.teacher.where = 'step': {teacher['model']} "
  if own != prompt:
    said += f"puts {own!r} before each text, the student {prompt!r}"
  elif length > positions:
    said += f"takes {positions} tokens, config.length is {length}"
  elif Tokenizer(content.tokenizer_file).content != tokenizer.content:
    said += "has another tokenizer than the student"
  else:
    return
  raise InputError(f"{said}; take where = 'stored'.")


def in_step(x_bP: jax.Array, y_bP: jax.Array, anchor_b: jax.Array | None = None) -> jax.Array:
  """What `look_up` gives, from the teacher's vectors of both sides; "priority" needs `anchor_b`."""
  if anchor_b is None:
    return jnp.concatenate([x_bP, y_bP], -1) / jnp.sqrt(2.0)
  return jnp.where(anchor_b[:, None] == 1, y_bP, x_bP)
