"""Scored pairs of sentences as TSV, Moses files, TMX or JSONL; never half there."""

import contextlib
import json
import pathlib
import re

from labse_jax import tmx
from labse_jax.base.errors import InputError
from labse_jax.base.files import replacing

FORMATS = ("tsv", "moses", "tmx", "jsonl")


def paths(output, format, languages):
  """The files that `write` makes: of Moses three, `output` with each language and .scores."""
  if format != "moses":
    return [pathlib.Path(output)]
  if languages[0] == languages[1]:
    raise InputError(f"--format moses names its files by the languages, and both are "
                     f"{languages[0]!r}; say --source-language and --target-language.")  # fmt: skip
  return [pathlib.Path(f"{output}.{ending}") for ending in (*languages, "scores")]


def write(output, format, languages, pairs):
  """Writes an iterable of (score, source, target, source's line number, target's line number).

  A sixth, the pair's estimated precision, is written where there is one, but not to TMX.
  """
  with contextlib.ExitStack() as stack:
    files = [stack.enter_context(replacing(path)) for path in paths(output, format, languages)]
    if format == "tmx":
      tmx.write(files[0], (pair[:3] for pair in pairs), *languages)
      return
    for pair in pairs:
      for file, line in zip(files, _LINES[format](*pair[:5], languages, *pair[5:]), strict=True):
        file.write(line + "\n")


def _tsv(score, source, target, source_line, target_line, languages, *precision):
  numbers = "".join(f"\t{value:.4f}" for value in precision)
  return [f"{score:.6f}\t{_in_a_cell(source)}\t{_in_a_cell(target)}{numbers}"]


def _moses(score, source, target, source_line, target_line, languages, *precision):
  sides = [side.replace("\r", " ") for side in (source, target)]
  return [*sides, "\t".join([f"{score:.6f}", *(f"{value:.4f}" for value in precision)])]


def _jsonl(score, source, target, source_line, target_line, languages, *precision):
  row = {
      "score": round(float(score), 6), "source": source, "target": target,
      "source_language": languages[0], "target_language": languages[1],
      "source_line": source_line, "target_line": target_line}  # fmt: skip
  if precision:
    row["precision"] = round(precision[0], 4)
  return [json.dumps(row, ensure_ascii=False)]


def _in_a_cell(text):
  return re.sub(r"[\t\r]", " ", text)


_LINES = {"tsv": _tsv, "moses": _moses, "jsonl": _jsonl}
