"""Two documents that are translations, a sentence a line -> their pairs of sentences."""

import argparse
from collections.abc import Sequence

from labse_jax.base import files
from labse_jax.base.command import Command
from labse_jax.base.errors import InputError, run
from labse_jax.encoding.encode_functions import load_encode
from labse_jax.mining import alignment, alignment_scores, pair_files, sides
from labse_jax.mining.documents import (
  count_alone,
  embed,
  lengths_of,
  pair_of,
  places_of,
  read_document,
)

EXAMPLE = """example:
  labse-jax align --model LaBSE --source book.de --target book.en --output pairs.tsv

The pairs come in the order of the documents, as score<TAB>source<TAB>target; a space joins the
sentences of a side. A score is 1 for equal vectors and 0 for a pair as distant as chance ones are,
less where the lengths do not agree. Sentences without a partner and empty lines are left out. jsonl
adds the languages and the places, which are line numbers from 0.

The lines of --gold are Vecalign's: [0, 1]:[0] pairs the first two lines with one. Precision, recall
and F1 are printed, and written to OUTPUT.scores.json."""
FORMATS = ("tsv", "jsonl", "tmx")
LARGEST = range(2, 11)


def main(argv: Sequence[str]) -> None:
  """Aligns two documents; nothing is written where anything fails."""
  args = _parsed(argv)
  documents = [read_document(path) for path in (args.source, args.target)]
  gold = None
  if args.gold:  # Read before the model is, since a person may have to mend it.
    gold = alignment_scores.read_gold(args.gold, [document.lines for document in documents])
  encode = load_encode(args.model, dtype=args.dtype, prompt=args.prompt)
  x, y = embed(documents, encode, largest=args.max_sentences)
  links = alignment.align(x, y, lengths_of(documents), largest=args.max_sentences)

  pairs = [pair_of(link, documents) for link in links if link.score is not None]
  languages = (args.source_language, args.target_language)
  pair_files.write(args.output, args.format, languages, pairs, joined=True)
  print(
    f"{args.output}: {len(pairs):,} pairs; without a partner: {_alone(links, 0)} source and "
    f"{_alone(links, 1)} target sentences."
  )
  if gold:
    found = [places_of(link, documents) for link in links]
    scores = alignment_scores.scores(found, gold)
    _print_scores(scores)
    files.write_json(_scores_path(args.output), scores)


def _alone(links: Sequence[alignment.Link], side: int) -> str:
  """Words for the sentences of a side (0 source, 1 target) without a partner."""
  skipped, count = count_alone(links, side)
  return f"{skipped:,} of {count:,}"


def _print_scores(scores: dict[str, dict[str, float]]) -> None:
  print("           strict    lax")
  for name in ("precision", "recall", "f1"):
    print(f"{name:<10}{scores['strict'][name]:7.4f}{scores['lax'][name]:7.4f}")


def _scores_path(output: str) -> str:
  return f"{output}.scores.json"


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
  """The arguments of a command line; raises InputError for what is wrong with them."""
  parser = Command("align", __doc__, epilog=EXAMPLE)
  parser.add_model()
  add = parser.add
  add("--source", required=True, metavar="FILE", help="text, a sentence a line; or .gz, .xz, .zst")
  add("--target", required=True, metavar="FILE", help="its translation, also a sentence a line")
  add("--output", required=True, metavar="FILE", help="where the pairs are written")
  parser.add_format(FORMATS)
  most = "most sentences in a pair, of both sides together"
  add("--max-sentences", old=["--largest"], type=int, default=6, metavar="N", help=most)
  parser.add_languages(help="for tmx and jsonl (default: the file's ending)")
  add("--gold", metavar="FILE", help="the right alignment, to score the found one against")
  parser.add_dtype()
  parser.add_prompt()
  parser.add_limits()
  args = parser.parse(argv)
  args.source_language = sides.language_of(args.source_language, args.source)
  args.target_language = sides.language_of(args.target_language, args.target)
  args.format = sides.format_of(args.format, args.output)
  _check(args)
  sides.warn_of_languages((args.source_language, args.target_language), args.format)
  return args


def _check(args: argparse.Namespace) -> None:
  if args.max_sentences not in LARGEST:
    raise InputError(
      f"--max-sentences {args.max_sentences}: {LARGEST[0]} to {LARGEST[-1]} is allowed."
    )
  inputs = [args.source, args.target]
  outputs = [args.output]
  if args.gold:
    inputs.append(args.gold)
    outputs.append(_scores_path(args.output))
  files.check_outputs(outputs, inputs)


if __name__ == "__main__":
  run(main)
