"""`python -m labse_jax.encode`: a file of lines into a .npy file of unit vectors."""

import argparse

from labse_jax import model_folder
from labse_jax.base.errors import run
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.encoding.streaming import encode_file

DESCRIPTION = """Writes a .npy file of float32 [N, D]: one L2-normalised vector for each line, in
the input's order. The input may be .gz, .xz or .zst. A run that was killed goes on where it was.

  python -m labse_jax.encode --model runs/quickstart/model --input lines.txt --output lines.npy"""


def main(argv):
  parser = argparse.ArgumentParser(
    prog="labse_jax.encode",
    description=DESCRIPTION,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument("--model", required=True, help="a sentence-transformers folder")
  parser.add_argument("--input", required=True, help="text, one sentence a line")
  parser.add_argument("--output", required=True, help="the .npy file to write")
  parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
  parser.add_argument("--prompt", help="put before each line, instead of the folder's own")
  args = parser.parse_args(argv)
  encoder = SentenceEncoder.load(args.model, dtype=args.precision)
  identity = {
    "model": model_folder.fingerprint_of(args.model),
    "precision": args.precision,
    "prompt": args.prompt,
  }
  lines, cut = encode_file(encoder, args.input, args.output, identity=identity, prompt=args.prompt)
  print(f"{args.output}: {lines:,} x {encoder.dimension} float32; {cut:,} lines were cut.")


if __name__ == "__main__":
  run(main)
