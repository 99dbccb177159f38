"""`python -m labse_jax.extend`: a model folder to one with new word pieces for a language."""

import argparse
import json

from labse_jax.base.errors import InputError, run
from labse_jax.base.files import check_paths, replacing_folder

DESCRIPTION = """Adds at most N word pieces to a model's vocabulary, learned from a text in a
language that the vocabulary does not know or splits into too many pieces: files with a sentence a
line (.gz, .xz and .zst too). The pieces are WordPieces or Unigram's, as the model's own are, those
that save the most tokens of the text; characters that the vocabulary lacks come first. The old ids
and their rows stay as they are. A new row is the mean of the rows of the parts that the old
tokenizer splits the piece into: train the model further before you use it.

Text without the new pieces in it keeps its ids, and so its vectors. new_pieces.json lists the
pieces with their parts.

  python -m labse_jax.extend --model LaBSE --text dhivehi.txt --pieces 2000 --output LaBSE-div"""
MARKER = "new_pieces.json"


def main(argv):
  args = _parsed(argv)
  from labse_jax import model_folder
  from labse_jax.data import lines
  from labse_jax.surgery import new_pieces, tokenizer_edits, word_rows

  def text():
    return (line for _, line in lines.of_files(args.text))

  tokenizer = word_rows.tokenizer_of(model_folder.describe(args.model))
  pieces = new_pieces.learn(tokenizer, text, args.pieces)
  if not pieces:
    raise InputError(f"{', '.join(args.text)}: gives no piece that the vocabulary lacks.")
  old = tokenizer_edits.load(tokenizer)
  new, first = new_pieces.grown(old, pieces), tokenizer_edits.next_id(old)
  unknown, name = tokenizer_edits.unknown(old), tokenizer.backend.id_to_token
  facts = {
    "model": args.model,
    "text": args.text,
    "first_id": first,
    "before": splits(tokenizer, unknown, text),
    "after": splits(new_pieces.opened(new), unknown, text),
    "pieces": {piece.text: [name(i) for i in piece.parts] for piece in pieces},
  }
  with replacing_folder(args.output, marker=MARKER) as partial:
    content = model_folder.read(args.model, pretraining=True)
    word_rows.write(partial, word_rows.grow(content, first, [p.parts for p in pieces]), new)
    (partial / MARKER).write_text(json.dumps(facts, ensure_ascii=False, indent=2) + "\n", "utf-8")
  print(f"{args.output}: {len(pieces):,} new pieces, ids {first:,} to {first + len(pieces) - 1:,}.")
  for when in ("before", "after"):
    print(
      f"  {when}: {facts[when]['tokens_per_line']:.2f} tokens per line, "
      f"{facts[when]['unknown_share']:.2%} of them unknown."
    )


def splits(tokenizer, unknown, text):
  """How a Tokenizer splits the lines of text(): tokens per line, and the share of unknown ones."""
  from labse_jax.surgery.piece_usage import count

  counts_V, lines = count(tokenizer, text()), sum(1 for _ in text())
  unknowns = int(counts_V[unknown])
  counts_V[tokenizer.all_special] = 0
  counts_V[unknown] = unknowns
  tokens = int(counts_V.sum())
  return {"tokens_per_line": tokens / max(lines, 1), "unknown_share": unknowns / max(tokens, 1)}


def _parsed(argv):
  parser = argparse.ArgumentParser(
    prog="labse_jax.extend",
    description=DESCRIPTION,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  add = parser.add_argument
  add("--model", required=True, metavar="FOLDER", help="a sentence-transformers folder")
  add("--text", required=True, nargs="+", metavar="FILE", help="text, a sentence a line")
  add("--pieces", required=True, type=int, metavar="N", help="new pieces, at most")
  add("--output", required=True, metavar="FOLDER", help="the folder to write")
  args = parser.parse_args(argv)
  if args.pieces < 1:
    raise InputError(f"--pieces {args.pieces}: at least 1 is needed.")
  check_paths([args.model, *args.text], args.output, marker=MARKER)
  return args


if __name__ == "__main__":
  run(main)
