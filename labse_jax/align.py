"""Two documents that are translations, a sentence a line -> their pairs of sentences."""

import argparse
import json
import sys
from typing import NamedTuple

from labse_jax import tmx
from labse_jax.base import files
from labse_jax.base.errors import InputError, run
from labse_jax.evaluation.suite_files import encode_distinct
from labse_jax.mining import alignment, alignment_scores

EXAMPLE = """example:
  python -m labse_jax.align --model LaBSE --source book.de --target book.en --output pairs.tsv

The pairs come in the order of the documents, as score<TAB>source<TAB>target; the sentences of a
side are joined by a space. A score is 1 for equal vectors and 0 for a pair as distant as chance
ones are, less where the lengths do not agree. Sentences without a partner and empty lines are left
out. jsonl adds the languages and the places, which are line numbers from 0.

The lines of --gold are Vecalign's: [0, 1]:[0] pairs the first two lines with one. Precision, recall
and F1 are printed, and written to OUTPUT.scores.json."""
LARGEST = range(2, 11)


class Document(NamedTuple):
  """The sentences of a file, the places (lines from 0) where they stand, and how many lines."""

  sentences: list
  places: list
  lines: int


class Pair(NamedTuple):
  """A link's score, texts and places in the files."""

  score: float
  source: str
  target: str
  source_places: tuple
  target_places: tuple


def main(argv):
  """Aligns two documents; nothing is written where anything fails."""
  args = _parse(argv)
  documents = read_document(args.source), read_document(args.target)
  gold = args.gold and alignment_scores.read_gold(args.gold, [doc.lines for doc in documents])
  vectors = embed(documents, _load_encode(args), sizes=args.largest - 1)
  lengths = [[*map(len, document.sentences)] for document in documents]
  links = alignment.align(*vectors, lengths, largest=args.largest)
  pairs = [_pair(link, documents) for link in links if link.score is not None]
  with files.replacing(args.output) as file:
    WRITERS[args.format](file, pairs, args.source_language, args.target_language)
  print(f"{args.output}: {len(pairs):,} pairs; without a partner: {_alone(links, 0)} source and "
        f"{_alone(links, 1)} target sentences.")  # fmt: skip
  if gold:
    found = [_places(link, documents) for link in links]
    _tell(alignment_scores.scores(found, gold), f"{args.output}.scores.json")


def read_document(path):
  """The Document of a text file; raises InputError if it has no sentence."""
  lines = [" ".join(line.split()) for _, line in files.read_lines(path)]  # TSV has no other tabs.
  places = [place for place, line in enumerate(lines) if line]
  if not places:
    raise InputError(f"{path}: has no sentence; there is nothing to align.")
  return Document([lines[place] for place in places], places, len(lines))


def embed(documents, encode, *, sizes):
  """Vectors [sizes, N, D] of each document, as `alignment.align` takes them."""
  texts = [joined(document.sentences, sizes) for document in documents]
  row_of, vectors_VD = encode_distinct(texts, encode)
  return [vectors_VD[[[row_of[text] for text in text_N] for text_N in text_KN]]
          for text_KN in texts]  # fmt: skip


def joined(sentences, sizes):
  """Lists [sizes][N]: each sentence with up to 0, 1, ... of those before it."""
  return [[" ".join(sentences[max(0, i - k) : i + 1]) for i in range(len(sentences))]
          for k in range(sizes)]  # fmt: skip


def _load_encode(args):
  from labse_jax.encode import SentenceEncoder  # Late: `--help` does not wait for JAX.

  encoder = SentenceEncoder.load(args.model, precision=args.precision)
  options = {"show_progress_bar": sys.stderr.isatty(), "prompt": args.prompt}
  return lambda texts: encoder.encode(texts, normalize_embeddings=True, **options)


def _places(link, documents):
  return tuple(tuple(document.places[i] for i in side)
               for side, document in zip(link[:2], documents, strict=True))  # fmt: skip


def _pair(link, documents):
  texts = [" ".join(document.sentences[i] for i in side)
           for side, document in zip(link[:2], documents, strict=True)]  # fmt: skip
  return Pair(link.score, *texts, *_places(link, documents))


def _alone(links, side):
  count, skipped = (sum(len(link[side]) for link in links if skip in (None, link.score is None))
                    for skip in (None, True))  # fmt: skip
  return f"{skipped:,} of {count:,}"


def _write_tsv(file, pairs, *languages):
  file.writelines(f"{pair.score:.6f}\t{pair.source}\t{pair.target}\n" for pair in pairs)


def _write_jsonl(file, pairs, source_language, target_language):
  languages = {"source_language": source_language, "target_language": target_language}
  for pair in pairs:
    row = pair._asdict() | languages | {"score": round(pair.score, 6)}
    file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _write_tmx(file, pairs, *languages):
  tmx.write(file, (pair[:3] for pair in pairs), *languages, segment="block")


WRITERS = {"tsv": _write_tsv, "jsonl": _write_jsonl, "tmx": _write_tmx}


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
