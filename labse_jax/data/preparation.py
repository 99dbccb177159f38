"""Pairs of any source -> filters, held-out messages, duplicates -> a dataset folder with a report.

Two passes: the first filters rows one by one, spools what is left to disk and keeps four 64-bit
hashes of each; NumPy then decides from the hashes alone; the second pass writes the dataset.
A document is a row a line: a line that its language had before, in any document, is dropped, and
the second pass joins what is left.
"""

from array import array
from collections import Counter
import itertools
import json

import numpy as np

from labse_jax.base.errors import InputError
from labse_jax.base.files import replacing_folder
from labse_jax.data import dataset
from labse_jax.data.languages import check_code, standard_language
from labse_jax.data.pivot import pivoted
from labse_jax.data.sources import Pair
from labse_jax.data.text_hash import comparison_key, text_hash

SPOOL = "spool.tmp"
ENGLISH = "eng"


def prepare(
  pairs,
  output,
  *,
  counts,
  filters,
  held_out,
  allowed_bad_share,
  pivot=None,
  pivot_pairs=10,
  progress=iter,
):
  """Writes the dataset folder `output` from Pairs and returns its report, also in report.json.

  All are pairs, or all are documents (`row_filters.line_filters` are for those, and no `held_out`).

  `held_out` English messages, the same ones on every run, go to `output/held_out/` in the layout
  of the Tatoeba test; no row that shares a side with them stays. What is left makes more pairs
  where it translates one text of the language `pivot`, `pivot_pairs` at most of each (data/pivot).
  `progress` wraps the iterables.
  """
  with replacing_folder(output, marker="language_pairs.json") as folder:
    dropped = Counter()
    with open(folder / SPOOL, "wb") as spool:
      hashes = _spool(progress(pairs), spool, filters, dropped, hash_sides=held_out > 0)
    counts.check(allowed_bad_share)
    keep, held = _decide(hashes, held_out, dropped)
    if not keep.any():
      raise InputError(f"Nothing is left of {counts.rows:,} rows read; {_reasons(counts, dropped)}")
    tallies = {name: Counter() for name in ("kinds", "languages", "origins")}
    rows = _rows_where(folder / SPOOL, keep, progress)
    records = _joined(rows, hashes["record"][keep])
    if pivot:
      limits = {"language": pivot, "most": pivot_pairs, "filters": filters}
      records = itertools.chain(records, _pivoted(folder / SPOOL, keep, progress, limits))
    dataset.fill_dataset(folder, _tallied(records, tallies))
    report = _report(counts, filters, dropped, tallies, int(keep.sum()))
    if pivot:
      report["pivot"] = {"language": pivot, "pairs": report["pairs"] - int(keep.sum())}
    if held_out:
      held_rows = _rows_where(folder / SPOOL, held, iter)
      report["held_out"] = write_held_out(folder / "held_out", held_rows)
    (folder / SPOOL).unlink()
    text = json.dumps(report, ensure_ascii=False, indent=2)
    (folder / "report.json").write_text(text + "\n", "utf-8")
  return report


def _spool(pairs, spool, filters, dropped, *, hash_sides):
  """Writes the rows that pass to the spool; returns {name: uint64 hash of each row}.

  `english` is 0 where no side, or each side, is English; `record` is the number of the row's Pair.
  """
  hashes = {name: array("Q") for name in ("row", "source", "target", "english", "record")}
  for record, pair in _rows(pairs):
    # Also turns tabs and line ends into spaces: every file here has one row a line.
    pair = Pair(*(" ".join(field.split()) for field in pair))
    pair = pair._replace(
      source_language=standard_language(pair.source_language),
      target_language=standard_language(pair.target_language),
    )
    reason = next((name for name, drops in filters if drops(pair)), None)
    if reason:
      dropped[reason] += 1
      continue
    line = "\t".join(pair)
    spool.write(line.encode() + b"\n")
    source, target = (hash_sides and text_hash(comparison_key(text)) for text in pair[3:])
    sides = [pair.source_language == ENGLISH, pair.target_language == ENGLISH]
    english = 0 if sides[0] == sides[1] else source if sides[0] else target
    row = text_hash("\t".join((*pair[:2], *pair[3:])))
    for name, value in zip(hashes, (row, source, target, english, record), strict=True):
      hashes[name].append(value)
  return {name: np.frombuffer(values, np.uint64) for name, values in hashes.items()}


def _rows(records):
  """Yields (number, row): a pair is one, a document one for each of its lines."""
  for number, record in enumerate(records):
    if dataset.is_document(record):
      for line in record.source.split("\n"):
        yield number, record._replace(source=line)
    else:
      yield number, record


def _joined(rows, numbers):
  """The records again, of the rows that are left and their numbers."""
  for _, group in itertools.groupby(zip(numbers, rows, strict=True), lambda pair: pair[0]):
    lines = [row for _, row in group]
    yield lines[0]._replace(source="\n".join(row.source for row in lines))


def _decide(hashes, held_out, dropped):
  """Returns (keep, held): two bool arrays over the spooled rows."""
  first = np.zeros(len(hashes["row"]), bool)
  first[np.unique(hashes["row"], return_index=True)[1]] = True
  dropped["duplicate"] = int((~first).sum())
  messages = np.unique(hashes["english"][hashes["english"] > 0])
  if held_out > len(messages):
    raise InputError(f"--held-out {held_out:,}: there are only {len(messages):,} English messages.")
  # The smallest hashes are a random choice that stays the same when rows come or go.
  held = np.isin(hashes["english"], messages[:held_out]) & first
  sides = np.concatenate([hashes["source"][held], hashes["target"][held]])
  shared = np.isin(hashes["source"], sides) | np.isin(hashes["target"], sides)
  if held_out:
    dropped["of a held-out message"] = int(held.sum())
    dropped["shares a side with one"] = int((first & shared & ~held).sum())
  return first & ~shared, held


def _rows_where(path, mask, progress):
  return (row for _, row in _places_where(path, mask, progress))


def _places_where(path, mask, progress):
  """Yields (where its line begins, row)."""
  place = 0
  with open(path, "rb") as spool:
    for line, wanted in zip(progress(spool), mask, strict=True):
      if wanted:
        yield place, _row(line)
      place += len(line)


def _row(line):
  return Pair(*line.decode().removesuffix("\n").split("\t"))


def _pivoted(path, mask, progress, limits):
  with open(path, "rb") as spool:

    def read_row(place):
      spool.seek(place)
      return _row(spool.readline())

    yield from pivoted(_places_where(path, mask, progress), read_row, **limits)


def _tallied(pairs, tallies):
  for pair in pairs:
    kind = "documents" if dataset.is_document(pair) else "pairs"
    tallies["kinds"][kind] += 1
    tallies["languages"][dataset.language_name(pair)] += 1
    tallies["origins"][pair.origin] += 1
    yield pair


def write_held_out(folder, pairs):
  """Writes `tatoeba.XXX-eng.XXX` beside `tatoeba.XXX-eng.eng`, aligned by line.

  A language has at most one translation of a message, the first. Returns what was written.
  """
  folder.mkdir()
  written, messages = {}, set()
  for pair in pairs:
    texts = {pair.source_language: pair.source, pair.target_language: pair.target}
    english = texts.pop(ENGLISH)
    ((language, translation),) = texts.items()
    message = comparison_key(english)
    messages.add(message)
    written.setdefault(check_code(language), {}).setdefault(message, (translation, english))
  for language, rows in written.items():
    for side, ending in enumerate((language, ENGLISH)):
      lines = "".join(f"{row[side]}\n" for row in rows.values())
      (folder / f"tatoeba.{language}-{ENGLISH}.{ending}").write_text(lines, "utf-8")
  sizes = {language: len(rows) for language, rows in sorted(written.items())}
  return {"messages": len(messages), "pairs": sum(sizes.values()), "languages": sizes}


def _report(counts, filters, dropped, tallies, rows_kept):
  ((kind, records),) = tallies["kinds"].items()
  origins = {
    origin: {kind: tallies["origins"][origin], **counts.packages.get(origin, {})}
    for origin in sorted(tallies["origins"] | counts.packages.keys())
  }
  names = [name for name, _ in filters]
  names += [name for name in dropped if name not in names]
  return {
    "rows_read": counts.rows,
    "bad_rows": counts.bad,
    "first_bad_rows": counts.first_bad,
    "dropped_by_reader": dict(sorted(counts.dropped.items())),
    "dropped_by_filter": {name: dropped[name] for name in names},
    **({"lines": rows_kept} if kind == "documents" else {}),
    kind: records,
    "languages": dict(tallies["languages"].most_common()),
    "origins": origins,
  }


def _reasons(counts, dropped):
  reasons = {"bad": counts.bad, **counts.dropped, **dropped}
  return ", ".join(f"{name}: {n:,}" for name, n in reasons.items() if n) or "the input is empty."
