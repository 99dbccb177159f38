"""Scored pairs of sentences as TSV, Moses files, TMX or JSONL; never half there."""

import contextlib
import json
import pathlib
import re
from xml.sax.saxutils import escape, quoteattr

from labse_jax.base.errors import InputError
from labse_jax.base.files import replacing
from labse_jax.base.version import __version__

FORMATS = ("tsv", "moses", "tmx", "jsonl")
TMX_HEADER = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4">
<header creationtool="labse_jax" creationtoolversion={version} segtype={segment} o-tmf="text"
 adminlang="en" srclang={source} datatype="plaintext"/>
<body>
"""
TMX_UNIT = """<tu>{score}
<tuv xml:lang={source_language}><seg>{source}</seg></tuv>
<tuv xml:lang={target_language}><seg>{target}</seg></tuv>
</tu>
"""
# XML 1.0 has no way to write these, not even as a reference.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def paths(output, format, languages):
  """The files that `write` makes: of Moses three, `output` with each language and .scores."""
  if format != "moses":
    return [pathlib.Path(output)]
  if languages[0] == languages[1]:
    raise InputError(
      f"--format moses names its files by the languages, and both are "
      f"{languages[0]!r}; say --source-language and --target-language."
    )
  return [pathlib.Path(f"{output}.{ending}") for ending in (*languages, "scores")]


def write(output, format, languages, pairs):
  """Writes an iterable of (score, source, target, source's line number, target's line number).

  A sixth, the pair's estimated precision, is written where there is one, but not to TMX.
  """
  with contextlib.ExitStack() as stack:
    files = [stack.enter_context(replacing(path)) for path in paths(output, format, languages)]
    if format == "tmx":
      write_tmx(files[0], (pair[:3] for pair in pairs), *languages)
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
    "score": round(float(score), 6),
    "source": source,
    "target": target,
    "source_language": languages[0],
    "target_language": languages[1],
    "source_line": source_line,
    "target_line": target_line,
  }
  if precision:
    row["precision"] = round(precision[0], 4)
  return [json.dumps(row, ensure_ascii=False)]


def _in_a_cell(text):
  return re.sub(r"[\t\r]", " ", text)


_LINES = {"tsv": _tsv, "moses": _moses, "jsonl": _jsonl}


def _write_tsv(file, pairs, *languages):
  file.writelines(f"{pair.score:.6f}\t{pair.source}\t{pair.target}\n" for pair in pairs)


def _write_jsonl(file, pairs, source_language, target_language):
  languages = {"source_language": source_language, "target_language": target_language}
  for pair in pairs:
    row = pair._asdict() | languages | {"score": round(pair.score, 6)}
    file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _write_tmx(file, pairs, *languages):
  write_tmx(file, (pair[:3] for pair in pairs), *languages, segment="block")


WRITERS = {"tsv": _write_tsv, "jsonl": _write_jsonl, "tmx": _write_tmx}


def write_tmx(file, units, source_language, target_language, *, segment="sentence"):
  """Writes `units`, each (score or None, source, target), to an open text file; returns how many.

  A unit's score stands in a <prop type="x-score">. `segment` is TMX's segtype: "sentence", or
  "block" where a text may be several. Characters that XML cannot hold become spaces.
  """
  languages = {
    "source_language": quoteattr(source_language),
    "target_language": quoteattr(target_language),
  }
  version, count = quoteattr(__version__), 0
  file.write(
    TMX_HEADER.format(
      version=version, segment=quoteattr(segment), source=languages["source_language"]
    )
  )
  for score, source, target in units:
    count += 1
    prop = "" if score is None else f'<prop type="x-score">{score:.6f}</prop>'
    file.write(TMX_UNIT.format(score=prop, source=_text(source), target=_text(target), **languages))
  file.write("</body>\n</tmx>\n")
  return count


def _text(text):
  return escape(_FORBIDDEN.sub(" ", text), {"\r": "&#13;"})
