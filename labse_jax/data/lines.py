"""Lines of text files, or of a dataset, each with the place where it stands."""

import itertools

from labse_jax.base import files
from labse_jax.base.errors import known

CHUNK = 2048  # Lines that are tokenised at a time, and records that are read.
SIDES = ("source", "target")


def of_files(paths):
  """Yields ("file:number", line) for the lines of text files; blank ones are left out."""
  for path in paths:
    for number, line in files.read_lines(path):
      if line.strip():
        yield f"{path}:{number}", line


def of_dataset(dataset, languages=None):
  """Yields ("folder:record:side", line) for a dataset's text in these languages, or in all.

  Raises InputError for a language that the dataset does not have.
  """
  groups = [indices for indices in dataset.indices_by_language.values() if len(indices)]
  firsts = [dataset.source[indices[0]] for indices in groups]
  present = {first[f"{side}_language"] for first in firsts for side in SIDES} - {""}
  for language in languages or ():
    known("language", language, present)
  for indices, first in zip(groups, firsts, strict=True):
    sides = [side for side in SIDES if first[f"{side}_language"] in (languages or present)]
    for part in chunks(indices.tolist() if sides else ()):
      for index, example in zip(part, dataset.source.__getitems__(part), strict=True):
        for side in sides:
          for line in example[side].split("\n"):  # A document has several.
            if line.strip():
              yield f"{dataset.folder}:{index}:{side}", line


def chunks(items):
  """Yields lists of CHUNK items; the last may be shorter."""
  items = iter(items)
  while chunk := list(itertools.islice(items, CHUNK)):
    yield chunk
