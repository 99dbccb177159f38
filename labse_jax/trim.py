"""`labse-jax trim`: a model folder to a smaller one that knows the words of a text."""

import argparse
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
import dataclasses
import functools
import math
import pathlib
import typing
from typing import Any

import numpy as np

from labse_jax.base.command import Command
from labse_jax.base.errors import InputError, run
from labse_jax.base.files import check_paths, replacing_folder, write_json

if typing.TYPE_CHECKING:
  from labse_jax.model_folder import ModelFolder

DESCRIPTION = """Writes a model folder with only the word pieces that a text needs, and a
certificate.json of what that changed. Kept are the special tokens, each piece that the text uses,
and the text's characters as pieces of their own, so that words that it does not have are spelled.
The text is files with a sentence a line (.gz, .xz and .zst too), or a dataset that `prepare` wrote.

The ids of all its lines then map one to one onto the full model's, and so the vectors are
bit-identical: the certificate counts them and names the lines that are not. Within a budget, set
by --pieces or --megabytes, the pieces that the text uses most are kept, and of the other lines the
certificate has the worst and the mean cosine to the full model. --storage makes the weights
smaller, and the drift is measured; int8_rows keeps the word table as int8 with a scale for each
row, and only labse_jax opens such a folder.

  labse-jax trim --model LaBSE --input swahili.txt english.txt --output LaBSE-small
  labse-jax trim --model LaBSE --data runs/data --languages swh,eng --megabytes 400 \\
      --output LaBSE-small"""
MARKER = "certificate.json"
STORAGE = ("float32", "float16", "bfloat16", "int8_rows")


@dataclasses.dataclass
class Use:
  """What a text uses of a tokenizer.

  `counts_V` says how often it uses each piece, `first` are the ids that every budget must hold, and
  `tokenizer` is the content of the full tokenizer.json.
  """

  counts_V: np.ndarray
  first: set[int]
  tokenizer: dict[str, Any]


@dataclasses.dataclass
class Budget:
  """The size of the trimmed model: rows or megabytes at most, and the storage of the weights.

  None means: no limit, and the storage of the full model.
  """

  rows: int | None
  megabytes: float | None
  storage: str | None


def main(argv: Sequence[str]) -> None:
  """Trims a model; nothing is written where anything fails."""
  args = _parsed(argv)
  # Late: --help does not wait for JAX.
  from labse_jax import model_folder
  from labse_jax.surgery import cards, certificate

  full = model_folder.describe(args.model)
  text = _text(args.input, args.data, args.languages)
  use = _use(full, text)
  budget = Budget(rows=args.pieces, megabytes=args.megabytes, storage=args.storage)
  with replacing_folder(args.output, marker=MARKER) as partial:
    kept, storage, exact = _write(partial, args.model, use, budget)
    facts = {
      "model": args.model,
      "text": args.input or [args.data],
      "languages": args.languages,
      "rows": {"before": full.model["vocab_size"], "after": len(kept)},
      "bytes": {"before": _bytes(full.tokenizer_file.parent), "after": _bytes(partial)},
      "storage": storage,
    }
    facts |= certificate.certify((args.model, partial), kept, text, exact=exact)
    write_json(partial / MARKER, facts)
    model_folder.write_card(partial, cards.trimmed(facts))
  print(f"{args.output}: {said(facts)}")


def _text(
  files: Sequence[str] | None,
  data: str,
  languages: str | None,
) -> Callable[[], Iterator[tuple[str, str]]]:
  """A function that gives (place, line) of all the text, from its beginning at each call."""
  from labse_jax.data import dataset, lines

  if files:
    return functools.partial(lines.of_files, files)
  wanted = languages.split(",") if languages else None
  return functools.partial(lines.of_dataset, dataset.open_dataset(data), wanted)


def _use(full: "ModelFolder", text: Callable[[], Iterator[tuple[str, str]]]) -> Use:
  """The `Use` of a ModelFolder's tokenizer by the lines of text()."""
  from labse_jax.base.console import progress
  from labse_jax.surgery import tokenizer_edits, word_rows
  from labse_jax.surgery.piece_usage import usage

  tokenizer = word_rows.tokenizer_of(full)
  content = tokenizer_edits.load(tokenizer)
  # The prompt is encoded with each line, so its pieces must be there too.
  prompt = full.prompt
  lines = (prompt + line for _, line in progress(text(), unit="lines", doing="counting"))
  counts_V, characters = usage(tokenizer, lines)
  if not counts_V.any():
    raise InputError("The text has no line; there is nothing to keep pieces for.")
  first = tokenizer_edits.needed(content) | tokenizer_edits.spelling(content, characters)
  return Use(counts_V, first, content)


def _write(
  partial: pathlib.Path,
  model: str,
  use: Use,
  budget: Budget,
) -> tuple[np.ndarray, str, bool]:
  """Writes the trimmed model; returns (the ids kept, its storage, whether no weight changed)."""
  from labse_jax import model_folder
  from labse_jax.surgery import tokenizer_edits, word_rows

  content = model_folder.read(model, pretraining=True)
  before = content.dtype
  storage = budget.storage or before
  content = dataclasses.replace(content, dtype=storage)
  kept = chosen(use.counts_V, use.first, _limit(budget, content, len(use.first)))
  word_rows.write(partial, word_rows.cut(content, kept), tokenizer_edits.cut(use.tokenizer, kept))
  # int8 rows are rounded anew at each writing; float32 holds what any storage held.
  exact = storage == "float32" or (storage == before and storage != "int8_rows")
  return kept, storage, exact


def _limit(budget: Budget, content: "ModelFolder", least: int) -> int:
  """How many rows the budget allows; raises InputError if fewer than `least`."""
  from labse_jax.surgery.word_rows import byte_counts

  if budget.megabytes:
    body, row = byte_counts(content)
    limit = int((budget.megabytes * 1e6 - body) // row)
    megabytes = math.ceil((body + row * least) / 1e5) / 10  # Rounded up to the tenth: it suffices.
    need = f"{megabytes:,} megabytes ({content.dtype})"
  else:
    limit = budget.rows or content.model["vocab_size"]
    need = f"{least:,} rows"
  if limit < least:
    raise InputError(f"The special tokens and the text's characters alone need {need}; allow more.")
  return limit


def chosen(counts_V: np.ndarray, first: Collection[int], limit: int) -> np.ndarray:
  """The ids to keep, ascending: the set `first`, then the most used, at most `limit` in all."""
  used = np.setdiff1d(np.flatnonzero(counts_V), list(first))
  most = used[np.argsort(-counts_V[used], kind="stable")]
  return np.sort([*first, *most[: limit - len(first)]])


def _bytes(folder: pathlib.Path) -> int:
  return sum(path.stat().st_size for path in folder.glob("model*.safetensors"))


def said(facts: Mapping[str, Any]) -> str:
  """The certificate in a few lines."""
  rows = facts["rows"]
  size = facts["bytes"]
  same = facts["identical"]["lines"]
  share = math.floor(1e4 * same / facts["lines"]) / 100  # 100 only where it is all of them.
  text = [
    f"{rows['after']:,} of {rows['before']:,} rows, {size['after'] / 1e6:,.1f} of "
    f"{size['before'] / 1e6:,.1f} MB ({facts['storage']})."
  ]
  kept = f"{same:,} of {facts['lines']:,} lines ({share} %) keep their ids"
  if facts["drift"]:
    text.append(f"{kept}.")
    text += _cosine_line("Of these, by the storage", facts["drift"])
  else:
    text.append(f"{kept}, and so their vectors to the last bit.")
  text += _cosine_line("Of the others", facts["others"])
  if facts["storage"] == "int8_rows":
    text.append("Only labse_jax opens a folder with int8 rows.")
  return "\n  ".join(text)


def _cosine_line(name: str, found: Mapping[str, Any]) -> list[str]:
  """A list of the one line on some lines' cosines; an empty list if there are no such lines."""
  if not found["lines"]:
    return []
  return [
    f"{name}: cosine to the full model {found['worst_cosine']:.6f} at worst, "
    f"{found['mean_cosine']:.6f} on average, over {found['lines']:,} lines."
  ]


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
  parser = Command("trim", DESCRIPTION)
  parser.add_model()
  add = parser.add
  text = parser.add_mutually_exclusive_group(required=True)
  line = "text, a sentence a line; several files are read one after another"
  add("--input", old=["--text"], group=text, nargs="+", metavar="FILE", help=line)
  parser.add_data(group=text, required=False)
  add(
    "--languages",
    metavar="A,B",
    help="count the text of --data in these languages alone (default: all)",
  )
  add("--output", required=True, metavar="FOLDER", help="the folder to write")
  budget = parser.add_mutually_exclusive_group()
  pieces = "most pieces that are kept, which are the rows of the word table"
  add("--pieces", old=["--rows"], group=budget, type=int, metavar="N", help=pieces)
  size = "most megabytes of model.safetensors"
  add("--megabytes", group=budget, type=float, metavar="X", help=size)
  add("--storage", choices=STORAGE, help="of the weights (default: as they are)")
  args = parser.parse(argv)
  for name in ("pieces", "megabytes"):
    value = getattr(args, name)
    if value is not None and not 0 < value < math.inf:  # NaN is in no range.
      raise InputError(f"--{name} {value}: a number more than 0 is needed.")
  if args.languages and not args.data:
    raise InputError("--languages is of --data; the lines of --input are all used.")
  from labse_jax.model_folder.hub import located

  inputs = [located(args.model), *(args.input or [args.data])]
  check_paths(inputs, args.output, marker=MARKER)
  return args


if __name__ == "__main__":
  run(main)
