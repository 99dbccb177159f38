"""`labse-jax vocabulary`: a dataset's text to a tokenizer."""

import argparse
from collections.abc import Sequence
import functools
import pathlib
import time

from labse_jax.base.command import Command
from labse_jax.base.errors import InputError, run
from labse_jax.base.files import check_replaceable, replacing_folder, write_json

DESCRIPTION = """Trains a vocabulary on a sample of a dataset in which every language has a share
proportional to n^exponent, and writes tokenizer.json, tokenizer_config.json and vocabulary.json.
The ids 0 to 4 are pad, unk, cls, sep and mask.

  unigram    SentencePiece's (Kudo 2018), after NFKC; also writes sentencepiece.model
  wordpiece  cased, as LaBSE's (Feng et al. 2022); also writes vocab.txt, one piece a line

  labse-jax vocabulary --data runs/data --pieces 16000 --output runs/vocabulary
  labse-jax vocabulary --data runs/data --pieces 32000 --kind wordpiece \\
      --output runs/wordpiece"""
MARKER = "vocabulary.json"
OTHERS = ("config.json", "modules.json", "model.safetensors", "dataset_info.json")


def main(argv: Sequence[str]) -> None:
  """Trains a vocabulary; nothing is written where anything fails."""
  args = _parsed(argv)
  # Late: --help does not wait for JAX.
  from labse_jax.data import sampling
  from labse_jax.data.dataset import open_dataset
  from labse_jax.tokenizer import unigram, wordpiece

  start = time.monotonic()
  dataset = open_dataset(args.data)
  sample = list(sampling.smoothed_sample(dataset, exponent=args.exponent, size=args.sentences))
  is_unigram = args.kind == "unigram"
  if is_unigram:
    export = functools.partial(unigram.export, unigram.train_unigram(sample, args.pieces))
  else:
    export = functools.partial(wordpiece.export, wordpiece.train(sample, args.pieces))
  summary = {
    "kind": args.kind,
    "data": args.data,
    "size": args.pieces,
    "exponent": args.exponent,
    "sentences": len(sample),
    "languages": len(dataset.indices_by_language),
  }
  with replacing_folder(args.output, marker=MARKER) as folder:
    export(folder)
    if is_unigram:
      wrong = unigram.disagreements(folder, sample)
      summary["disagreements"] = len(wrong)
    summary["seconds"] = round(time.monotonic() - start, 1)
    write_json(folder / MARKER, summary)
  groups = "languages" if dataset.monolingual else "pairs of languages"
  print(
    f"{args.output}: {args.pieces:,} {args.kind} pieces from {len(sample):,} sentences in "
    f"{summary['languages']} {groups}, {summary['seconds']} s."
  )
  if is_unigram:
    print(f"tokenizer.json and sentencepiece disagree on {len(wrong)} of them.")
    for sentence in wrong[:5]:
      print(f"  {sentence!r}")


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
  parser = Command("vocabulary", DESCRIPTION)
  parser.add_data()
  add = parser.add
  pieces = "how many pieces, the special ones included"
  add("--pieces", old=["--size"], type=int, required=True, metavar="N", help=pieces)
  add("--kind", choices=("unigram", "wordpiece"), default="unigram", help="how words are split")
  add(
    "--exponent",
    type=float,
    default=0.3,
    metavar="X",
    help="power of each language's share of the text: 1 as it is, 0 all alike",
  )
  add("--output", required=True, metavar="FOLDER", help="the folder to write")
  add("--sentences", type=int, default=200_000, metavar="N", help="size of the sample")
  args = parser.parse(argv)
  if args.sentences < 1 or not 0 <= args.exponent <= 1:
    raise InputError(
      f"--sentences {args.sentences} --exponent {args.exponent}: at least 1, and 0 "
      "to 1, are allowed."
    )
  if args.pieces < 8:
    raise InputError(f"--pieces {args.pieces}: at least 8 pieces are needed.")
  _check_output(pathlib.Path(args.output))
  return args


def _check_output(folder: pathlib.Path) -> None:
  check_replaceable(folder, marker=MARKER)
  for name in OTHERS:  # A model may have been saved beside its tokenizer.
    if (folder / name).exists():
      raise InputError(f"{folder}: is also a model or a dataset ({name}); name a new folder.")


if __name__ == "__main__":
  run(main)
