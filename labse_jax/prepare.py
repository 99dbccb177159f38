"""`labse-jax prepare`: text in any format -> a checked dataset folder."""

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
import contextlib
import pathlib
import sys
import time
from typing import Any, TypeVar

from labse_jax.base import extras
from labse_jax.base.command import Command
from labse_jax.base.console import on_terminal, progress
from labse_jax.base.errors import InputError, run
from labse_jax.base.files import check_paths
from labse_jax.data import preparation, sources
from labse_jax.data.filters import contamination, language_id
from labse_jax.data.filters.lengths import line_filters, row_filters
from labse_jax.data.language_names import asked_language
from labse_jax.data.languages import standard_language
from labse_jax.data.row_languages import watched

DESCRIPTION = """\
Reads text, mostly parallel, checks and de-duplicates it, and writes a TFDS dataset
(ArrayRecord, random access) with report.json and, if asked, held-out messages.

formats, each plain or .gz, .xz, .zst (guessed from the ending):
  tsv      source<TAB>target; --columns names other layouts, a header of its names is dropped
  moses    two files aligned by line: --input a.de-en.de a.de-en.en
  tmx      translation memories; choose with --source-language, --target-language
  jsonl    {"source": .., "target": ..} or {"translation": {"en": .., "de": ..}}
  gettext  .po and .mo files, folders of them, wheels (.whl, .zip) read in place
  tfds     a TFDS dataset with a translation feature: its folder, or its name
  text     one language a file: NAME.eng.txt, or --source-language names it; needs --format
           text. A blank line ends a document, and the dataset then holds documents; a line
           that its language had before is dropped. LaBSE kept lines of 10 to 5,000
           characters (Feng et al. 2022): --min-characters 10 --max-characters 5000
"""
EXAMPLES = """\
examples:
  labse-jax prepare --input pairs.tsv.gz --source-language eng \\
      --target-language deu --output data/pairs
  labse-jax prepare --input wheels/*.whl --output data/messages \\
      --held-out 1000 --min-characters 12 --max-characters 200
  labse-jax prepare --input data.tsv.xz --output data/all_pairs --pivot eng \\
      --columns source_language,target_language,origin,source,target
  labse-jax prepare --input mined.tsv.gz --columns=-,source,target \\
      --source-language deu --target-language eng --output data/mined \\
      --without tatoeba ntrex stsb_dev.csv
  labse-jax prepare --format text --source-language eng \\
      --input wiki.txt.xz --output data/eng_text
"""
PIVOT_PAIRS = 10

T = TypeVar("T")


def main(argv: Sequence[str]) -> None:
  """Runs the command; raises InputError for wrong input."""
  flags = parser().parse(argv)
  extras.check("data")  # Or it would be missed only when all has been read.
  for name in ("source_language", "target_language", "pivot"):
    if getattr(flags, name):
      setattr(flags, name, asked_language(getattr(flags, name)))
  output = pathlib.Path(flags.output)
  _check(flags, output)
  counts = sources.Counts()
  read = sources.read(
    flags.input,
    counts=counts,
    format=flags.format,
    columns=flags.columns,
    source_language=flags.source_language,
    target_language=flags.target_language,
  )
  pairs = watched(read, (flags.source_language, flags.target_language), _warn)
  filters = _filters(flags)
  judge = dict(filters).get(language_id.NAME)
  if judge:  # At the end of the rows it tells whether it knew any of their languages.
    pairs = judge.checked(pairs)
  rules = preparation.Rules(
    filters,
    held_out=flags.held_out,
    allowed_bad_share=flags.allow_bad_lines,
    pivot=standard_language(flags.pivot) if flags.pivot else None,
    pivot_pairs=flags.pivot_pairs or PIVOT_PAIRS,
  )
  with contextlib.closing(read):  # Its reader may have worker processes, which end here.
    report = preparation.prepare(pairs, output, rules, counts=counts, progress=_progress)
  print(table(report))
  if judge and judge.unknown:
    print(f"{judge.unknown:,} rows are of languages that py3langid does not know; not judged.")
  kind = _kind(report)
  print(f"\n{output}: {report[kind]:,} {kind}; all numbers in {output / 'report.json'}")


def parser() -> Command:
  """The command's argparse parser."""
  command = Command("prepare", DESCRIPTION, epilog=EXAMPLES)
  add = command.add
  inputs = "files, folders or wheels to read"
  add("--input", old=["--text"], nargs="+", required=True, metavar="FILE", help=inputs)
  add("--output", required=True, metavar="FOLDER", help="the dataset folder to write")
  add("--format", choices=sources.formats(), help="instead of the one guessed from the ending")
  command.add_languages(help="where the format names no language")
  names = ",".join(sources.ORDER_OF_COLUMNS)
  add("--columns", metavar="NAMES", help=f"the columns of a TSV file, from {names}; '-' skips one")
  add("--held-out", type=int, default=0, metavar="N", help="English messages to keep for testing")
  pivot = "also pair two translations of one text: with eng, pairs eng-fra and eng-jpn give fra-jpn"
  add("--pivot", metavar="LANGUAGE", help=pivot)
  most = "at most so many such pairs for each text of it, chosen at random"
  add("--pivot-pairs", type=int, metavar="N", help=f"{most} (default: {PIVOT_PAIRS})")
  add(
    "--min-characters",
    type=int,
    default=1,
    metavar="N",
    help="drop what is shorter: pairs by their longer side",
  )
  add("--max-characters", type=int, default=1000, metavar="N", help="drop what is longer")
  language = "drop rows with a side that py3langid takes for another language than the row says"
  add("--language-id", action="store_true", help=language)
  without = "benchmarks, as files or folders: drop each pair that has a side in one of them"
  add("--without", nargs="+", default=[], metavar="FILE", help=without)
  ratio = "how many times longer one side may be"
  add("--max-ratio", type=float, default=6.0, metavar="X", help=ratio)
  bad = "share of lines that may be unreadable; they are skipped"
  add("--allow-bad-lines", type=float, default=0.01, metavar="SHARE", help=bad)
  return command


def table(report: Mapping[str, Any]) -> str:
  """The report as a short table."""
  kind = _kind(report)
  lines = [
    (f"{'rows' if kind == 'pairs' else 'lines'} read", report["rows_read"]),
    ("  bad, skipped", report["bad_rows"]),
  ]
  for stage in ("dropped_by_reader", "dropped_by_filter"):
    for name, number in report[stage].items():
      lines.append((f"  dropped: {name}", number))
  if kind == "documents":
    lines.append(("lines kept", report["lines"]))
  lines.append((f"{kind} kept", report[kind]))
  if "pivot" in report:
    pivot = report["pivot"]
    lines.append((f"  of them by way of {pivot['language']}", pivot["pairs"]))
  languages = "pairs of languages" if kind == "pairs" else "languages"
  lines.append((languages, len(report["languages"])))
  if "held_out" in report:
    held = report["held_out"]
    large = sum(number >= 200 for number in held["languages"].values())
    lines.append(("held-out messages", held["messages"]))
    lines.append(("held-out pairs", held["pairs"]))
    lines.append(("held-out languages with 200 or more", large))

  width = max(44, *(len(name) for name, _ in lines))  # Benchmarks are named by their paths.
  text = [f"{name:<{width}}{number:>12,}" for name, number in lines]
  for name, origin in report["origins"].items():
    licence = ""
    if "licence" in origin:
      licence = f"  {origin.get('version', '')} {origin['licence']}"
    text.append(f"  from {name:<{width - 7}}{origin[kind]:>12,}{licence}")
  return "\n".join(text)


def _kind(report: Mapping[str, Any]) -> str:
  return "documents" if "documents" in report else "pairs"


def _filters(flags):
  limits = {"min_characters": flags.min_characters, "max_characters": flags.max_characters}
  if flags.format == "text":
    filters = line_filters(**limits)
  else:
    filters = row_filters(**limits, max_ratio=flags.max_ratio)
  filters += contamination.filters(flags.without)
  if flags.language_id:
    filters.append((language_id.NAME, language_id.RowFilter()))
  return filters


def _check(flags: argparse.Namespace, output: pathlib.Path) -> None:
  if flags.format == "text" and flags.held_out:
    raise InputError(f"--held-out {flags.held_out}: is for pairs; --format text has none.")
  if flags.format == "text" and flags.pivot:
    raise InputError(f"--pivot {flags.pivot}: is for pairs; --format text has none.")
  if flags.pivot_pairs is not None and not flags.pivot:
    raise InputError(f"--pivot-pairs {flags.pivot_pairs}: needs --pivot, which is not given.")
  for name, least in (("held_out", 0), ("min_characters", 0), ("pivot_pairs", 1)):
    value = getattr(flags, name)
    if value is not None and value < least:
      raise InputError(f"--{name.replace('_', '-')} {value}: {least} or more is allowed.")
  if flags.max_characters < max(1, flags.min_characters):
    raise InputError(f"--max-characters {flags.max_characters}: is below the minimum.")
  if not 0 <= flags.allow_bad_lines <= 1:
    raise InputError(f"--allow-bad-lines {flags.allow_bad_lines}: a share from 0 to 1 is allowed.")
  if not flags.max_ratio >= 1:  # Nor NaN.
    raise InputError(f"--max-ratio {flags.max_ratio}: 1 or more is allowed.")
  _check_output(flags, output)


def _check_output(flags: argparse.Namespace, output: pathlib.Path) -> None:
  """Raises InputError where the output, which replaces its folder, would cost someone files."""
  # A TFDS dataset may be given by name, and a pipe is read once: neither lies in a folder. What
  # is missing is told by its reader, which knows of names.
  on_disk = []
  for path in map(pathlib.Path, [*flags.input, *flags.without]):
    if path.is_file() or path.is_dir():
      on_disk.append(path)
  check_paths(on_disk, output, marker="language_pairs.json")


def _warn(text: str) -> None:
  # Not by console.warn: it starts JAX, and with it a TPU that somebody may be training on.
  print(f"labse-jax: warning: {text}", file=sys.stderr, flush=True)


def _progress(items: Iterable[T]) -> Iterator[T]:
  """A bar on a terminal, a line every now and then elsewhere."""
  if on_terminal():
    return progress(items, unit="rows")
  # Without a bar that is not drawn: even that starts a thread, which can catch a Ctrl-C.
  return _with_lines(items)


def _with_lines(items: Iterable[T]) -> Iterator[T]:
  """Yields the items, and tells about every 15 seconds how many there were."""
  start = time.monotonic()
  told = start
  for number, item in enumerate(items, 1):
    yield item
    if number % 1024 == 0 and time.monotonic() - told > 15:
      told = time.monotonic()
      # Not by console.note: it starts JAX, and with it a TPU that somebody may be training on.
      print(f"{number:,} rows, {number / (told - start):,.0f}/s", file=sys.stderr, flush=True)


if __name__ == "__main__":
  run(main)
