"""Two documents that are translations, a sentence a line -> their pairs of sentences."""

import argparse
import json
import sys

from labse_jax.base import files
from labse_jax.base.errors import InputError, run
from labse_jax.mining import alignment, alignment_scores
from labse_jax.mining.documents import alone, embed, pair_of, places_of, read_document
from labse_jax.mining.pair_files import WRITERS

EXAMPLE = """example:
  python -m labse_jax.align --model LaBSE --source book.de --target book.en --output pairs.tsv

The pairs come in the order of the documents, as score<TAB>source<TAB>target; the sentences of a
side are joined by a space. A score is 1 for equal vectors and 0 for a pair as distant as chance
ones are, less where the lengths do not agree. Sentences without a partner and empty lines are left
out. jsonl adds the languages and the places, which are line numbers from 0.

The lines of --gold are Vecalign's: [0, 1]:[0] pairs the first two lines with one. Precision, recall
and F1 are printed, and written to OUTPUT.scores.json."""
LARGEST = range(2, 11)


def main(argv):
  """Aligns two documents; nothing is written where anything fails."""
  args = _parse(argv)
  documents = read_document(args.source), read_document(args.target)
  gold = args.gold and alignment_scores.read_gold(args.gold, [doc.lines for doc in documents])
  vectors = embed(documents, _load_encode(args), sizes=args.largest - 1)
  lengths = [[*map(len, document.sentences)] for document in documents]
  links = alignment.align(*vectors, lengths, largest=args.largest)
  pairs = [pair_of(link, documents) for link in links if link.score is not None]
  with files.replacing(args.output) as file:
    WRITERS[args.format](file, pairs, args.source_language, args.target_language)
  print(
    f"{args.output}: {len(pairs):,} pairs; without a partner: {alone(links, 0)} source and "
    f"{alone(links, 1)} target sentences."
  )
  if gold:
    found = [places_of(link, documents) for link in links]
    _tell(alignment_scores.scores(found, gold), f"{args.output}.scores.json")


def _load_encode(args):
  from labse_jax.encoding.sentence_encoder import (
    SentenceEncoder,  # Late: `--help` does not wait for JAX.
  )

  encoder = SentenceEncoder.load(args.model, precision=args.precision)
  options = {"show_progress_bar": sys.stderr.isatty(), "prompt": args.prompt}
  return lambda texts: encoder.encode(texts, normalize_embeddings=True, **options)


def _tell(scores, path):
  print("           strict    lax")
  for name in ("precision", "recall", "f1"):
    print(f"{name:<10}{scores['strict'][name]:7.4f}{scores['lax'][name]:7.4f}")
  with files.replacing(path) as file:
    file.write(json.dumps(scores, indent=2) + "\n")


def _parse(argv):
  parser = argparse.ArgumentParser(
    prog="labse_jax.align",
    description=__doc__,
    epilog=EXAMPLE,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  add = parser.add_argument
  add("--model", required=True, metavar="FOLDER", help="a sentence-transformers model folder")
  add("--source", required=True, metavar="FILE", help="text, a sentence a line; or .gz, .xz, .zst")
  add("--target", required=True, metavar="FILE", help="its translation, also a sentence a line")
  add("--output", required=True, metavar="FILE", help="where the pairs are written")
  add("--format", default="tsv", choices=WRITERS, help="of the output (default: tsv)")
  add("--largest", type=int, default=4, metavar="N", help="sentences of a pair, of both sides")
  add("--source-language", default="und", metavar="CODE", help="for tmx and jsonl")
  add("--target-language", default="und", metavar="CODE", help="for tmx and jsonl")
  add("--gold", metavar="FILE", help="the right alignment, to be scored against")
  add("--precision", default="float32", choices=["float32", "bfloat16"], help="of the model")
  add("--prompt", metavar="TEXT", help="put before each text (default: the folder's own)")
  args = parser.parse_args(argv)
  if args.largest not in LARGEST:
    raise InputError(f"--largest {args.largest}: {LARGEST[0]} to {LARGEST[-1]} is allowed.")
  scores = [f"{args.output}.scores.json"] if args.gold else []
  files.check_outputs([args.output, *scores], filter(None, (args.source, args.target, args.gold)))
  return args


if __name__ == "__main__":
  run(main)
