"""`labse-jax extend`: a model folder to one with new word pieces for a language."""

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
import typing

from labse_jax.base.command import Command
from labse_jax.base.errors import InputError, run
from labse_jax.base.files import check_paths, replacing_folder, write_json

if typing.TYPE_CHECKING:
  from labse_jax.tokenizer.tokenizer import Tokenizer

DESCRIPTION = """Adds at most N word pieces to a model's vocabulary, learned from a text in a
language that the vocabulary does not know or splits into too many pieces: files with a sentence a
line (.gz, .xz and .zst too). The pieces are WordPieces or Unigram's, as the model's own are, those
that save the most tokens of the text; characters that the vocabulary lacks come first. The old ids
and their rows stay as they are. A new row is the mean of the rows of the parts that the old
tokenizer splits the piece into: train the model further before you use it.

Text without the new pieces in it keeps its ids, and so its vectors. new_pieces.json lists the
pieces with their parts.

  labse-jax extend --model LaBSE --input dhivehi.txt --pieces 2000 --output LaBSE-div"""
MARKER = "new_pieces.json"


def main(argv: Sequence[str]) -> None:
  """Adds pieces to a model; nothing is written where anything fails."""
  args = _parsed(argv)
  facts = extend(args.model, args.input, args.pieces, args.output)
  first = facts["first_id"]
  count = len(facts["pieces"])
  print(f"{args.output}: {count:,} new pieces, ids {first:,} to {first + count - 1:,}.")
  for when in ("before", "after"):
    print(
      f"  {when}: {facts[when]['tokens_per_line']:.2f} tokens per line, "
      f"{facts[when]['unknown_share']:.2%} of them unknown."
    )


def extend(model: str, files: Sequence[str], count: int, output: str) -> dict[str, typing.Any]:
  """Writes the model with at most `count` new pieces of the files' text; returns what it did."""
  # Late: --help does not wait for JAX.
  from labse_jax import model_folder
  from labse_jax.data import lines
  from labse_jax.surgery import cards, new_pieces, tokenizer_edits, word_rows

  def text() -> Iterator[str]:
    return (line for _, line in lines.of_files(files))

  tokenizer = word_rows.tokenizer_of(model_folder.describe(model))
  pieces = new_pieces.learn(tokenizer, text, count)
  if not pieces:
    raise InputError(f"{', '.join(files)}: gives no piece that the vocabulary lacks.")
  old = tokenizer_edits.load(tokenizer)
  new = new_pieces.grown(old, pieces)
  first = tokenizer_edits.next_id(old)
  unknown = tokenizer_edits.unknown(old)
  facts: dict[str, typing.Any] = {
    "model": model,
    "text": files,
    "first_id": first,
    "before": splits(tokenizer, unknown, text),
    "after": splits(new_pieces.opened(new), unknown, text),
    "pieces": {},
  }
  for piece in pieces:
    facts["pieces"][piece.text] = list(map(tokenizer.backend.id_to_token, piece.parts))
  # The tensors are read last: a big model is not loaded for text that gives nothing.
  with replacing_folder(output, marker=MARKER) as partial:
    content = model_folder.read(model, pretraining=True)
    grown = word_rows.grow(content, first, [piece.parts for piece in pieces])
    word_rows.write(partial, grown, new)
    write_json(partial / MARKER, facts)
    model_folder.write_card(partial, cards.extended(facts))
  return facts


def splits(
  tokenizer: "Tokenizer",
  unknown: int,
  text: Callable[[], Iterable[str]],
) -> dict[str, float]:
  """How a Tokenizer splits the lines of text(): tokens per line, and the share of unknown ones."""
  from labse_jax.surgery.piece_usage import count

  counts_V = count(tokenizer, text())
  lines = sum(1 for _ in text())
  # Special tokens are not tokens of the text, except the one for what is unknown.
  unknowns = int(counts_V[unknown])
  counts_V[tokenizer.all_special] = 0
  counts_V[unknown] = unknowns
  tokens = int(counts_V.sum())
  return {"tokens_per_line": tokens / max(lines, 1), "unknown_share": unknowns / max(tokens, 1)}


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
  parser = Command("extend", DESCRIPTION)
  parser.add_model()
  add = parser.add
  text = "text, a sentence a line; several files are read one after another"
  add("--input", old=["--text"], required=True, nargs="+", metavar="FILE", help=text)
  add("--pieces", required=True, type=int, metavar="N", help="new pieces, at most")
  add("--output", required=True, metavar="FOLDER", help="the folder to write")
  args = parser.parse(argv)
  if args.pieces < 1:
    raise InputError(f"--pieces {args.pieces}: at least 1 is needed.")
  from labse_jax.model_folder.hub import located

  check_paths([located(args.model), *args.input], args.output, marker=MARKER)
  return args


if __name__ == "__main__":
  run(main)
