"""What evaluators share: choosing and reading their files, encoding, intervals by resampling."""

import collections
import pathlib
import re
import zlib

import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.base.files import COMPRESSIONS, read_lines

RESAMPLES = 10_000
SEED = 2022
DRAWN_AT_ONCE = 1 << 17  # 1 MiB of counts: larger blocks leave the cache and take twice as long.


def files_in(folder, suffixes, prefix=""):
  """{name: path} of the files with one of `suffixes` in a folder, compressed or not, sorted.

  What the pattern `prefix` matches at its beginning is no part of a name.
  """
  folder = pathlib.Path(folder)
  if not folder.is_dir():
    raise InputError(f"{folder}: no such folder; it should hold files {_named(suffixes)}.")
  found = {}
  for path in sorted(folder.iterdir()):
    name, suffix = split_name(path)
    if suffix not in suffixes or name.startswith("."):
      continue
    name = re.sub(f"^(?:{prefix})", "", name)
    if name in found:
      raise InputError(f"{folder}: {found[name].name} and {path.name} are both called {name!r}.")
    found[name] = path
  if not found:
    raise InputError(f"{folder}: holds no file {_named(suffixes)}.")
  return dict(sorted(found.items()))


def split_name(path):
  """(stem, suffix) of a file's name, without the suffix of a compression."""
  path = pathlib.Path(path)
  path = path.with_suffix("") if path.suffix in COMPRESSIONS else path
  return path.stem, path.suffix


def _named(suffixes):
  return " or ".join(f"NAME{suffix}" for suffix in suffixes)


def choose(languages, available, data, groups=None):
  """The languages asked for, groups spelled out; those not available are an InputError."""
  if languages is None:
    return available
  groups = groups or {}
  names = languages.split(",") if isinstance(languages, str) else languages
  names = [str(name).strip() for name in names]
  chosen = list(dict.fromkeys(code for name in names for code in groups.get(name, [name])))
  unknown = [code for code in chosen if code not in available]
  if unknown:
    raise InputError(
      f"{data}: holds no language {', '.join(map(repr, unknown))}; choose from "
      + ", ".join(available)
      + (f" or the groups {', '.join(groups)}." if groups else ".")
    )
  if not chosen:
    raise InputError(f"{data}: no language is asked for; choose from {', '.join(available)}.")
  return chosen


def read_aligned(path, other_path):
  """The lines of two files, of which line N of one belongs to line N of the other."""
  lines, other_lines = ([line for _, line in read_lines(name)] for name in (path, other_path))
  if len(lines) != len(other_lines):
    raise InputError(
      f"{path} has {len(lines)} lines and {other_path} {len(other_lines)};"
      " line N of one must belong to line N of the other."
    )
  if not lines:
    raise InputError(f"{path}: is empty; one sentence a line is needed.")
  return lines, other_lines


def large_enough(pairs, minimum, data):
  """({language: pairs}, {language: number of pairs}) of those with at least `minimum`, and others.

  Pairs are a tuple of columns. Raises InputError where no language has as many.
  """
  skipped = {name: len(sides[0]) for name, sides in pairs.items() if len(sides[0]) < minimum}
  kept = {name: sides for name, sides in pairs.items() if name not in skipped}
  if not kept:
    most = max(skipped.values())
    raise InputError(f"{data}: no language has {minimum} pairs; the largest has {most}.")
  return kept, skipped


def encode_distinct(pairs, encode):
  """Encodes each text once (English sides repeat between languages): ({text: row}, [N, D])."""
  texts = list(dict.fromkeys(text for sides in pairs for side in sides for text in side))
  vectors_ND = np.asarray(encode(texts), np.float32)
  if not np.isfinite(vectors_ND).all():
    bad = texts[int(np.argmin(np.isfinite(vectors_ND).all(axis=1)))]
    raise InputError(f"The model's vector of {bad!r} is not finite: its weights are damaged.")
  return {text: row for row, text in enumerate(texts)}, vectors_ND


def resampled(statistic, count, *, key):
  """`statistic` of RESAMPLES resamplings of `count` items, [RESAMPLES, ...].

  It is given counts_rB, how often each of B items was drawn in each of r resamplings, and returns
  [r, ...]. The same `key` gives the same draws.
  """
  rng = np.random.default_rng([SEED, key])
  step = max(1, DRAWN_AT_ONCE // count)
  draws = []
  for start in range(0, RESAMPLES, step):
    rows = min(step, RESAMPLES - start)
    # Each resampling counts in a range of its own, so that one bincount does for all.
    item_rB = rng.integers(0, count, (rows, count)) + count * np.arange(rows)[:, None]
    counts_rB = np.bincount(item_rB.ravel(), minlength=rows * count).reshape(rows, count)
    draws.append(statistic(counts_rB))
  return np.concatenate(draws)


def resampled_totals(rows_BJ, *, key):
  """Sums over B rows drawn with replacement, of RESAMPLES resamplings, [RESAMPLES, J].

  Rows of counts take few different values, so that a resampling is one multinomial draw.
  """
  code_B = np.zeros(len(rows_BJ), int)
  for column_B in rows_BJ.T:  # Of millions of rows, a fifth of the time of np.unique(axis=0).
    values, value_B = np.unique(column_B, return_inverse=True)
    code_B = np.unique(code_B * len(values) + value_B, return_inverse=True)[1]
  _, row_V, count_V = np.unique(code_B, return_index=True, return_counts=True)
  rng, step = np.random.default_rng([SEED, key]), max(1, DRAWN_AT_ONCE // len(row_V))
  return np.concatenate([
    rng.multinomial(len(rows_BJ), count_V / len(rows_BJ), min(step, RESAMPLES - start))
    @ rows_BJ[row_V]
    for start in range(0, RESAMPLES, step)
  ])  # fmt: skip


def mean_draws(items, together):
  """{language: means of RESAMPLES resamplings} of {language: [B]}.

  Languages to which `together` gives the same name are aligned: one draw of rows is one for all.
  Were they drawn apart, the interval of their average would be too narrow.
  """
  groups, draws = collections.defaultdict(list), {}
  for language in items:
    groups[together.get(language, language)].append(language)
  for name, languages in groups.items():
    rows_BN = np.stack([items[language] for language in languages], 1)
    totals_RN = resampled_totals(rows_BN, key=zlib.crc32(name.encode()))
    draws |= zip(languages, totals_RN.T / len(rows_BN), strict=True)
  return {language: draws[language] for language in items}


def f1(sums_J):
  """Of the numbers of found, mined and gold pairs, [..., 3]."""
  found, mined, gold = np.moveaxis(np.asarray(sums_J), -1, 0)
  return 2 * found / np.maximum(mined + gold, 1)


def interval(value, draws):
  """A metric with the 95 % interval of its resamplings."""
  low, high = np.quantile(draws, [0.025, 0.975])
  return {"value": float(value), "low": float(low), "high": float(high)}


def both_directions(metric, forward, backward, draws):
  """The mean of both directions as `metric`, with its interval, and each direction beside it."""
  mean = interval((forward + backward) / 2, draws)
  return {metric: mean, "forward": float(forward), "backward": float(backward)}
