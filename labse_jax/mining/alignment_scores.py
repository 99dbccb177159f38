"""Precision, recall and F1 of a sentence alignment, as Vecalign's scorer counts them."""

import re

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_lines

_LINE = re.compile(r"\s*\[([\d\s,]*)\]\s*:\s*\[([\d\s,]*)\]\s*(:.*)?")


def read_gold(path, sizes):
  """The links ((source places), (target places)) of a file with lines such as `[0, 1]:[0]`.

  What follows a second colon is ignored. Raises InputError, with file and line, for another line,
  and for a place that the documents, of `sizes` lines, do not have.
  """
  links = []
  for number, line in read_lines(path):
    if not line.strip():
      continue
    match = _LINE.fullmatch(line)
    if match is None:
      raise InputError(f"{path}:{number}: not of the form [0, 1]:[0], places from 0.")
    link = tuple(tuple(map(int, re.findall(r"\d+", side))) for side in match.groups()[:2])
    for name, places, size in zip(("source", "target"), link, sizes, strict=True):
      if places and max(places) >= size:
        raise InputError(
          f"{path}:{number}: place {max(places)}, and the {name} has lines 0 to {size - 1}."
        )
    links.append(link)
  if not any(source and target for source, target in links):
    raise InputError(f"{path}: has no pair; lines such as [0, 1]:[0] are needed.")
  return links


def scores(found, gold):
  """{"strict": {"precision", "recall", "f1"}, "lax": ...} of links against the gold ones.

  A link is right in the strict sense if it is a gold one; in the lax sense also if it shares a
  source and a target sentence with one. Links with an empty side count in precision only.
  """
  precision, recall = _right(found, gold), _right(_pairs(gold), _pairs(found))
  return {
    name: {"precision": p, "recall": r, "f1": 2 * p * r / (p + r) if p + r else 0.0}
    for name, p, r in zip(("strict", "lax"), precision, recall, strict=True)
  }


def _right(links, others):
  """The shares of links that stand, and that overlap with one that stands, among the others."""
  links, others = set(links), set(others)
  joined = {(i, j) for source, target in others for i in source for j in target}
  strict = links & others
  lax = {
    (source, target)
    for source, target in links - strict
    if any((i, j) in joined for i in source for j in target)
  }
  count = max(1, len(links))
  return len(strict) / count, (len(strict) + len(lax)) / count


def _pairs(links):
  return [(source, target) for source, target in links if source and target]
