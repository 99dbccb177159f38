"""`python -m labse_jax.vocabulary`: a dataset's text to a tokenizer."""

import argparse
import json
import time

from labse_jax.errors import InputError, run

DESCRIPTION = """Trains a SentencePiece Unigram vocabulary on a sample of a dataset in which
every language has a share proportional to n^exponent, and writes tokenizer.json,
tokenizer_config.json and sentencepiece.model. The ids 0 to 4 are pad, unk, cls, sep and mask.

  python -m labse_jax.vocabulary --data runs/data --size 16000 --output runs/vocabulary"""


def main(argv):
  parser = argparse.ArgumentParser(
      prog="labse_jax.vocabulary", description=DESCRIPTION,
      formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
  parser.add_argument("--data", required=True, help="a folder that labse_jax.prepare wrote")
  parser.add_argument("--size", type=int, required=True, help="number of pieces, special ones too")
  parser.add_argument("--exponent", type=float, default=0.3, help="of the languages' shares")
  parser.add_argument("--output", required=True, help="the folder to write")
  parser.add_argument("--sentences", type=int, default=200_000, help="size of the sample")
  args = parser.parse_args(argv)
  if args.sentences < 1 or not 0 <= args.exponent <= 1:
    raise InputError(f"--sentences {args.sentences} --exponent {args.exponent}: at least 1, and 0 "
                     "to 1, are allowed.")  # fmt: skip
  if args.size < 8:
    raise InputError(f"--size {args.size}: at least 8 pieces are needed.")

  from labse_jax.data import vocabulary
  from labse_jax.data.dataset import open_dataset
  from labse_jax.files import replacing_folder

  start = time.monotonic()
  dataset = open_dataset(args.data)
  sample = list(vocabulary.smoothed_sample(
      dataset, exponent=args.exponent, size=args.sentences))  # fmt: skip
  model = vocabulary.train_unigram(sample, args.size)
  with replacing_folder(args.output, marker="sentencepiece.model") as folder:
    vocabulary.export(model, folder)
    wrong = vocabulary.disagreements(folder, sample)
    summary = {
        "data": args.data, "size": args.size, "exponent": args.exponent,
        "sentences": len(sample), "languages": len(dataset.indices_by_language),
        "disagreements": len(wrong), "seconds": round(time.monotonic() - start, 1)}  # fmt: skip
    (folder / "report.json").write_text(json.dumps(summary, indent=2) + "\n")
  print(f"{args.output}: {args.size:,} pieces from {len(sample):,} sentences in "
        f"{summary['languages']} languages, {summary['seconds']} s; tokenizer.json and "
        f"sentencepiece disagree on {len(wrong)} of them.")  # fmt: skip
  for sentence in wrong[:5]:
    print(f"  {sentence!r}")


if __name__ == "__main__":
  run(main)
