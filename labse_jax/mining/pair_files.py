"""Writes scored pairs of sentences as TSV, Moses files, TMX or JSONL; never half a file."""

from collections.abc import Iterable, Sequence
import contextlib
import json
import pathlib
import re
from typing import Any, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from labse_jax.base.errors import InputError
from labse_jax.base.files import replacing
from labse_jax.base.types import PathLike
from labse_jax.base.version import __version__

FORMATS = ("tsv", "moses", "tmx", "jsonl")
TMX_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4">
<header creationtool="labse_jax" creationtoolversion={version} segtype={segment} o-tmf="text"
 adminlang="en" srclang={source} datatype="plaintext"/>
<body>
"""
TMX_UNIT = """<tu><prop type="x-score">{score:.6f}</prop>
<tuv xml:lang={source_language}><seg>{source}</seg></tuv>
<tuv xml:lang={target_language}><seg>{target}</seg></tuv>
</tu>"""
TMX_FOOT = "</body>\n</tmx>\n"
# XML 1.0 cannot write these, not even as references.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class ScoredPair(NamedTuple):
  """A source and a target text, their score, and where they are in their files.

  A place of a mined text is the number of its line, from 1, as editors count. An aligned text may
  be several lines; its places are a tuple of line numbers from 0, as Vecalign counts. `precision`
  is the estimated share of right pairs among all pairs that are at least as good; None where it was
  not estimated.
  """

  score: float
  source: str
  target: str
  source_place: int | tuple[int, ...]
  target_place: int | tuple[int, ...]
  precision: float | None = None


def paths(output: PathLike, format: str, languages: Sequence[str]) -> list[pathlib.Path]:
  """The files that `write` makes: `output`, or for Moses one per language and one of scores.

  Raises InputError where two files of Moses would have the same name.
  """
  if format != "moses":
    return [pathlib.Path(output)]
  if languages[0] == languages[1]:
    raise InputError(
      f"--format moses names its files by the languages, and both are "
      f"{languages[0]!r}; say --source-language and --target-language."
    )
  return [pathlib.Path(f"{output}.{ending}") for ending in (*languages, "scores")]


def write(
  output: PathLike,
  format: str,
  languages: Sequence[str],
  pairs: Iterable[ScoredPair],
  *,
  joined: bool = False,
) -> None:
  """Writes pairs to the files that `paths` names.

  `languages` are those of the source and of the target. With `joined`, a text may be several
  sentences, and its places are a tuple. TMX files leave precisions out. Characters that a format
  cannot hold become spaces.
  """
  rows_of = _ROWS[format]
  with contextlib.ExitStack() as stack:
    files = [stack.enter_context(replacing(path)) for path in paths(output, format, languages)]
    if format == "tmx":
      files[0].write(_tmx_head(languages, joined))
    for pair in pairs:
      for file, row in zip(files, rows_of(pair, languages, joined), strict=True):
        file.write(row + "\n")
    if format == "tmx":
      files[0].write(TMX_FOOT)


def _tsv_rows(pair: ScoredPair, languages: Sequence[str], joined: bool) -> list[str]:
  cells = [f"{pair.score:.6f}", _in_a_cell(pair.source), _in_a_cell(pair.target)]
  if pair.precision is not None:
    cells.append(f"{pair.precision:.4f}")
  return ["\t".join(cells)]


def _moses_rows(pair: ScoredPair, languages: Sequence[str], joined: bool) -> list[str]:
  numbers = f"{pair.score:.6f}"
  if pair.precision is not None:
    numbers += f"\t{pair.precision:.4f}"
  return [_in_a_line(pair.source), _in_a_line(pair.target), numbers]


def _jsonl_rows(pair: ScoredPair, languages: Sequence[str], joined: bool) -> list[str]:
  # The names and order of the keys are the published format, by which other programs read files.
  # So are the places: `mine` counts lines from 1, as editors do, and `align`, whose texts are
  # joined, counts from 0, as Vecalign does. Their own keys keep the two from being mixed up.
  row: dict[str, Any] = {
    "score": round(float(pair.score), 6),
    "source": pair.source,
    "target": pair.target,
  }
  named_languages = {"source_language": languages[0], "target_language": languages[1]}
  if joined:
    row |= {"source_places": pair.source_place, "target_places": pair.target_place}
    row |= named_languages
  else:
    row |= named_languages
    row |= {"source_line": pair.source_place, "target_line": pair.target_place}
  if pair.precision is not None:
    row["precision"] = round(pair.precision, 4)
  return [json.dumps(row, ensure_ascii=False)]


def _tmx_rows(pair: ScoredPair, languages: Sequence[str], joined: bool) -> list[str]:
  unit = TMX_UNIT.format(
    score=pair.score,
    source=_in_xml(pair.source),
    target=_in_xml(pair.target),
    source_language=quoteattr(languages[0]),
    target_language=quoteattr(languages[1]),
  )
  return [unit]


# Each format's function (pair, languages, joined) gives one row for each of its files.
_ROWS = {"tsv": _tsv_rows, "moses": _moses_rows, "tmx": _tmx_rows, "jsonl": _jsonl_rows}


def _tmx_head(languages: Sequence[str], joined: bool) -> str:
  # A "block" is the standard's word for a text of several sentences.
  segment = "block" if joined else "sentence"
  return TMX_HEAD.format(
    version=quoteattr(__version__), segment=quoteattr(segment), source=quoteattr(languages[0])
  )


def _in_a_cell(text: str) -> str:
  return _in_a_line(text).replace("\t", " ")


def _in_a_line(text: str) -> str:
  # Python's text files take a carriage return for the end of a line.
  return text.replace("\r", " ")


def _in_xml(text: str) -> str:
  return escape(_FORBIDDEN.sub(" ", text), {"\r": "&#13;"})
