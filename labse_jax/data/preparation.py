"""Pairs of any source -> filters, held-out messages, duplicates -> a dataset folder with a report.

Two passes: the first filters rows one by one, spools what is left to disk and keeps 64-bit hashes
of each; NumPy then decides from the hashes alone; the second pass writes the dataset.
A document is a row for each line. A line that its language had before, in any document, is
dropped; the second pass joins the lines that are left.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
import dataclasses
import functools
import itertools
import pathlib
from typing import Any

import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.base.files import replacing_folder, write_json
from labse_jax.base.types import PathLike
from labse_jax.data import dataset
from labse_jax.data.filters import Filter
from labse_jax.data.languages import check_code, standard_language
from labse_jax.data.pivot import pivoted
from labse_jax.data.sources import Counts, Pair
from labse_jax.data.spool import ENGLISH, Progress, Spool
from labse_jax.data.text_hash import comparison_key


@dataclasses.dataclass(frozen=True)
class Rules:
  """Which rows stay, and which are held out or made besides.

  A row is dropped by the first of the `filters` that drops it.
  `held_out` is a number of English messages. Where the rows that stay translate one text of the
  language `pivot`, they make more pairs, at most `pivot_pairs` of each text (data/pivot).
  """

  filters: Sequence[Filter]
  held_out: int = 0
  allowed_bad_share: float = 0.01
  pivot: str | None = None
  pivot_pairs: int = 10


def prepare(
  pairs: Iterable[Pair],
  output: PathLike,
  rules: Rules,
  *,
  counts: Counts,
  progress: Progress = iter,
) -> dict[str, Any]:
  """Writes the dataset folder `output` from Pairs and returns its report, also in report.json.

  All are pairs, or all are documents (those take `line_filters` and no held-out messages).
  Held-out messages, the same ones on every run, go to `output/held_out/` in the layout of the
  Tatoeba test; rows that share a side with them are dropped. `counts` are those of the reader;
  `progress` wraps the iterables.
  """
  with replacing_folder(output, marker="language_pairs.json") as folder:
    dropped: Counter[str] = Counter()
    spool = Spool(folder / "spool.tmp", hash_sides=rules.held_out > 0)
    spool.fill(_passing(progress(pairs), rules.filters, dropped))
    counts.check(rules.allowed_bad_share)
    keep_N, held_N = _decide(spool.hashes(), rules.held_out, dropped)
    if not keep_N.any():
      raise InputError(f"Nothing is left of {counts.rows:,} rows read; {_reasons(counts, dropped)}")

    tally = _Tally()
    dataset.fill_dataset(folder, tally.counted(_records(spool, keep_N, rules, progress)))
    report = _report(counts, rules, dropped, tally, rows_kept=int(keep_N.sum()))
    if rules.held_out:
      report["held_out"] = write_held_out(folder / "held_out", spool.rows(held_N))
    spool.path.unlink()
    write_json(folder / "report.json", report)
  return report


def _passing(
  records: Iterable[Pair], filters: Sequence[Filter], dropped: Counter[str]
) -> Iterator[tuple[int, Pair]]:
  """Yields (number of its record, row) of the rows that no filter drops, and counts the others."""
  for number, row in _rows(records):
    row = Pair(*_labels(*row[:3]), _folded(row.source), _folded(row.target))
    reason = next((name for name, drops in filters if drops(row)), None)
    if reason:
      dropped[reason] += 1
    else:
      yield number, row


@functools.lru_cache(maxsize=1 << 12)
def _labels(source_language: str, target_language: str, origin: str) -> tuple[str, str, str]:
  """The three as a row has them; most rows have the labels of another."""
  source_language = standard_language(_folded(source_language))
  target_language = standard_language(_folded(target_language))
  return source_language, target_language, _folded(origin)


def _folded(text: str) -> str:
  """A text with single spaces, also for tabs and line ends: every file here has one row a line."""
  return " ".join(text.split())


def _rows(records: Iterable[Pair]) -> Iterator[tuple[int, Pair]]:
  """Yields (number, row): a pair is one row, a document has one for each of its lines."""
  for number, record in enumerate(records):
    if dataset.is_document(record):
      for line in record.source.split("\n"):
        yield number, record._replace(source=line)
    else:
      yield number, record


def _decide(
  hashes: dict[str, np.ndarray], held_out: int, dropped: Counter[str]
) -> tuple[np.ndarray, np.ndarray]:
  """Returns (keep_N, held_N): which spooled rows go into the dataset, and which are held out."""
  first_N = np.zeros(len(hashes["row"]), bool)
  first_N[np.unique(hashes["row"], return_index=True)[1]] = True
  dropped["duplicate"] = int((~first_N).sum())

  messages = np.unique(hashes["english"][hashes["english"] > 0])
  if held_out > len(messages):
    raise InputError(f"--held-out {held_out:,}: there are only {len(messages):,} English messages.")
  # The smallest hashes are a random choice that stays the same when rows come or go.
  held_N = np.isin(hashes["english"], messages[:held_out]) & first_N

  # A row that shares a side with a held-out one would give its translation away.
  sides = np.concatenate([hashes["source"][held_N], hashes["target"][held_N]])
  shared_N = np.isin(hashes["source"], sides) | np.isin(hashes["target"], sides)
  if held_out:
    dropped["of a held-out message"] = int(held_N.sum())
    dropped["shares a side with one"] = int((first_N & shared_N & ~held_N).sum())
  return first_N & ~shared_N, held_N


def _records(spool: Spool, keep_N: np.ndarray, rules: Rules, progress: Progress) -> Iterator[Pair]:
  """Yields what the dataset will hold: the records of the rows that stay, then those of a pivot."""
  yield from _joined(spool.rows(keep_N, progress), spool.hashes()["record"][keep_N])
  if rules.pivot:
    with spool.reader() as read_row:
      yield from pivoted(
        spool.places(keep_N, progress),
        read_row,
        language=rules.pivot,
        most=rules.pivot_pairs,
        filters=rules.filters,
      )


def _joined(rows: Iterable[Pair], numbers: Iterable[int]) -> Iterator[Pair]:
  """The records again, from the rows that are left and the numbers of their records."""
  numbered = zip(numbers, rows, strict=True)
  for _, group in itertools.groupby(numbered, lambda numbered_row: numbered_row[0]):
    lines = [row for _, row in group]
    if len(lines) == 1:
      yield lines[0]
      continue
    text = "\n".join(line.source for line in lines)
    yield lines[0]._replace(source=text)


@dataclasses.dataclass
class _Tally:
  """How many records the dataset has of each kind, language and origin."""

  kinds: Counter[str] = dataclasses.field(default_factory=Counter)
  languages: Counter[str] = dataclasses.field(default_factory=Counter)
  origins: Counter[str] = dataclasses.field(default_factory=Counter)

  def counted(self, records: Iterable[Pair]) -> Iterator[Pair]:
    """Yields the records and counts them."""
    for record in records:
      self.kinds["documents" if dataset.is_document(record) else "pairs"] += 1
      self.languages[dataset.language_name(record)] += 1
      self.origins[record.origin] += 1
      yield record


def write_held_out(folder: pathlib.Path, pairs: Iterable[Pair]) -> dict[str, Any]:
  """Writes `tatoeba.XXX-eng.XXX` beside `tatoeba.XXX-eng.eng`, aligned by line.

  A language has at most one translation of a message, the first. Returns what was written.
  """
  folder.mkdir()
  # {language: {message: (translation, English)}}
  written: dict[str, dict[str, tuple[str, str]]] = {}
  messages = set()
  for pair in pairs:
    texts = {pair.source_language: pair.source, pair.target_language: pair.target}
    english = texts.pop(ENGLISH)
    ((language, translation),) = texts.items()
    message = comparison_key(english)
    messages.add(message)
    of_language = written.setdefault(check_code(language), {})
    of_language.setdefault(message, (translation, english))

  sizes = {}
  for language, rows in sorted(written.items()):
    for side, ending in enumerate((language, ENGLISH)):
      lines = [f"{row[side]}\n" for row in rows.values()]
      (folder / f"tatoeba.{language}-{ENGLISH}.{ending}").write_text("".join(lines), "utf-8")
    sizes[language] = len(rows)
  return {"messages": len(messages), "pairs": sum(sizes.values()), "languages": sizes}


def _report(
  counts: Counts, rules: Rules, dropped: Counter[str], tally: _Tally, *, rows_kept: int
) -> dict[str, Any]:
  ((kind, records),) = tally.kinds.items()
  report: dict[str, Any] = {
    "rows_read": counts.rows,
    "bad_rows": counts.bad,
    "first_bad_rows": counts.first_bad,
    "dropped_by_reader": dict(sorted(counts.dropped.items())),
    # Filters come first, also those that dropped nothing; then duplicates and the like.
    "dropped_by_filter": dict.fromkeys(dict(rules.filters), 0) | dict(dropped),
  }
  if kind == "documents":
    report["lines"] = rows_kept
  report[kind] = records
  report["languages"] = dict(tally.languages.most_common())
  report["origins"] = {}
  for origin in sorted({*tally.origins, *counts.packages}):
    package = counts.packages.get(origin, {})
    report["origins"][origin] = {kind: tally.origins[origin], **package}
  if rules.pivot:
    report["pivot"] = {"language": rules.pivot, "pairs": records - rows_kept}
  return report


def _reasons(counts: Counts, dropped: Counter[str]) -> str:
  reasons = {"bad": counts.bad, **counts.dropped, **dropped}
  told = [f"{name}: {number:,}" for name, number in reasons.items() if number]
  return ", ".join(told) or "the input is empty."
