"""The nearest lines of each query, or the most similar pairs of lines within one file."""

import argparse
from collections.abc import Iterable, Sequence
import math
import sys
import typing

import numpy as np

from labse_jax.base import files
from labse_jax.base.command import Command
from labse_jax.base.errors import InputError, run, unicode_text
from labse_jax.encoding.encode_functions import encode_function
from labse_jax.encoding.vector_files import is_stored, rows_of, texts_beside
from labse_jax.mining.texts import Text, read_text

if typing.TYPE_CHECKING:
  from labse_jax.encoding.sentence_encoder import SentenceEncoder
  from labse_jax.neighbours.exact import top_k as top_k
  from labse_jax.neighbours.exact import top_k_both as top_k_both

DESCRIPTION = """Finds the K lines of --input that are nearest to each query, best first, by the
cosine of their vectors, and writes score<TAB>query<TAB>line<TAB>number. The queries come in their
order. A number is that of a line in its file, from 1.

  labse-jax search --model FOLDER --input lines.txt --query "Where is the station?"
  labse-jax search --model FOLDER --input lines.txt --queries queries.txt --output found.tsv

Without a query, it finds the similar pairs among the lines: each line with its K nearest others,
each pair once, best first, as score<TAB>line<TAB>line<TAB>number<TAB>number.

  labse-jax search --model FOLDER --input lines.txt --threshold 0.9

Equal lines count once, with the number of the first; blank lines are left out. A tab in a text
becomes a space. Files may be .gz, .xz or .zst. --input and --queries may also be NAME.npy beside
NAME.txt or NAME, so that a large file is encoded once. What is stored needs no --model:

  labse-jax encode --model FOLDER --input lines.txt --output lines.npy
  labse-jax search --model FOLDER --input lines.npy --query "Where is the station?"

Models of search put one prompt before a query and another before a line: the folder's prompts
"query" and "document" or "passage", or else its default one. multilingual E5 needs --query-prompt
"query: " and --prompt "passage: ". `encode` takes the default prompt: where the lines have another,
give `encode` the same --prompt."""
# A score and two texts, with the number of the second one or of both.
Row = tuple[float, str, str, int] | tuple[float, str, str, int, int]
# They would break a row or its columns.
TO_SPACES = str.maketrans("\t\n\r", "   ")


def __getattr__(name: str) -> object:
  # Lazily, so that `--help` does not wait for JAX.
  if name in ("top_k", "top_k_both"):
    from labse_jax.neighbours import exact

    return getattr(exact, name)
  raise AttributeError(f"module 'labse_jax.search' has no attribute {name!r}")


def main(argv: Sequence[str]) -> None:
  """Writes the table of what was found; nothing is written where anything fails."""
  args = _parsed(argv)
  text = _read(args.input)
  queries = None
  if args.queries:
    queries = _read(args.queries)
  elif args.query:
    queries = _given(args.query)
  _check_k(args.k, text, args.input, alone=queries is None)
  encoder = _load(args.model, args.dtype) if args.model else None
  # Without queries all lines are alike, and the folder's default prompt is for them.
  vectors_ND = _vectors(args.input, text, encoder, args.prompt, "document" if queries else None)
  if queries:
    queries_QD = _vectors(args.queries, queries, encoder, args.query_prompt, "query")
    rows = _nearest(queries.lines, queries_QD, text, vectors_ND, args.k)
  else:
    rows = _pairs(text, vectors_ND, args.k)
  if args.threshold is not None:
    rows = [row for row in rows if row[0] >= args.threshold]
  _write(rows, args.output)


def _load(model: str, dtype: str) -> "SentenceEncoder":
  # Late: `--help` does not wait for JAX.
  from labse_jax.encoding.sentence_encoder import SentenceEncoder

  return SentenceEncoder.load(model, dtype=dtype)


def _read(path: str) -> Text:
  """The Text of a file, or of the lines beside a file of vectors."""
  return read_text(texts_beside(path) if is_stored(path) else path)


def _vectors(path, text, encoder, prompt, role):
  """The unit vectors of a Text's lines: those that are stored, or else the encoder's."""
  if path and is_stored(path):
    return rows_of(path, text.numbers)
  if prompt is None and role:
    prompt = encoder.role_prompt(role)
  return encode_function(encoder, prompt=prompt, progress=True)(text.lines)


def _given(queries: Iterable[str]) -> Text:
  """The Text of queries of the command line."""
  queries = list(dict.fromkeys(query.strip() for query in queries))
  for query in queries:
    if not query:
      raise InputError("--query is empty; a text is needed.")
  numbers = range(len(queries))
  return Text(queries, [number + 1 for number in numbers], np.array(numbers))


def _check_k(k: int, text: Text, path: str, *, alone: bool) -> None:
  """Raises InputError where a Text has too few lines for k; `alone`, a line is not its own."""
  most = len(text.lines) - 1 if alone else len(text.lines)
  if alone and not most:
    raise InputError(f"{path}: has one distinct line; similar pairs need two or more.")
  if not 1 <= k <= most:
    others = "others for each line" if alone else "distinct lines"
    raise InputError(f"--k {k}: 1 to {most:,} is allowed; {path} has {most:,} {others}.")


def _nearest(
  queries: Sequence[str],
  queries_QD: np.ndarray,
  text: Text,
  vectors_ND: np.ndarray,
  k: int,
) -> list[Row]:
  """Rows (score, query, line, number), query by query."""
  from labse_jax.neighbours.exact import top_k  # Late, as JAX is.

  scores_QK, ids_QK = top_k(queries_QD, vectors_ND, k)
  rows: list[Row] = []
  for query, scores_K, ids_K in zip(queries, scores_QK, ids_QK, strict=True):
    for score, row in zip(scores_K, ids_K, strict=True):
      rows.append((score, query, text.lines[row], text.numbers[row]))
  return rows


def _pairs(text: Text, vectors_ND: np.ndarray, k: int) -> list[Row]:
  """Rows (score, line, line, number, number), best first."""
  from labse_jax.neighbours.similar_pairs import similar_pairs  # Late, as JAX is.

  rows: list[Row] = []
  for score, one, other in zip(*similar_pairs(vectors_ND, k), strict=True):
    lines = (text.lines[one], text.lines[other])
    numbers = (text.numbers[one], text.numbers[other])
    rows.append((score, *lines, *numbers))
  return rows


def _write(rows: Sequence[Row], output: str | None) -> None:
  """Writes the table to a file, or to stdout with nothing else."""
  if not output:
    sys.stdout.writelines(map(_row, rows))
    return
  with files.replacing(output) as file:
    file.writelines(map(_row, rows))
  print(f"{output}: {len(rows):,} rows.")


def _row(row: Row) -> str:
  """A row as a line of the table."""
  score, *cells = row
  shown = [str(cell).translate(TO_SPACES) for cell in cells]
  return "\t".join([f"{score:z.4f}", *shown]) + "\n"  # z: no -0.0000.


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
  """The arguments of a command line; raises InputError for what is wrong with them."""
  parser = Command("search", DESCRIPTION)
  parser.add_model(required=False)
  add = parser.add
  lines = "the lines, or NAME.npy with their vectors, beside NAME.txt"
  add("--input", required=True, metavar="FILE", help=lines)
  queries = parser.add_mutually_exclusive_group()
  a_line = "a query a line, or NAME.npy with their vectors, beside NAME.txt"
  add("--queries", metavar="FILE", group=queries, help=a_line)
  once = "a query; may be given several times"
  add("--query", action="append", type=unicode_text, metavar="TEXT", group=queries, help=once)
  add("--k", type=int, default=5, metavar="N", help="lines for each query, or for each line")
  add("--threshold", type=float, metavar="X", help="leave out what has a lower cosine")
  add("--output", metavar="FILE.tsv", help="where the table is written, instead of stdout")
  parser.add_dtype()
  of_lines = (
    "put before each line, instead of the folder's default prompt, or with queries of its prompt "
    "'document' or 'passage'"
  )
  add("--prompt", type=unicode_text, metavar="TEXT", help=of_lines)
  of_queries = "put before each query, instead of the folder's prompt 'query', or else its default"
  add("--query-prompt", type=unicode_text, metavar="TEXT", help=of_queries)
  args = parser.parse(argv)
  _check(args)
  return args


def _check(args: argparse.Namespace) -> None:
  """Raises InputError where flags do not fit each other, or a file would be overwritten."""
  asked = args.queries is not None or args.query is not None
  lines_stored = is_stored(args.input)
  queries_stored = args.queries is not None and is_stored(args.queries)
  if args.model is None and not (lines_stored and (queries_stored or not asked)):
    raise InputError("--model is missing; only vectors that are stored in .npy files need none.")
  if lines_stored and args.prompt is not None:
    raise InputError(f"--prompt: {args.input} holds the lines' vectors; give it to `encode`.")
  if queries_stored and args.query_prompt is not None:
    raise InputError(f"--query-prompt: {args.queries} holds vectors; give it to `encode`.")
  if args.query_prompt is not None and not asked:
    raise InputError("--query-prompt needs queries: give --queries or --query too.")
  if args.threshold is not None and not math.isfinite(args.threshold):
    raise InputError(f"--threshold {args.threshold}: a finite number is allowed.")
  if args.output:
    inputs = [path for path in (args.input, args.queries) if path]
    inputs += [texts_beside(path) for path in inputs if is_stored(path)]
    files.check_outputs([args.output], inputs)


if __name__ == "__main__":
  run(main)
