"""`python -m labse_jax.encode`: a file of lines into a .npy file of unit vectors."""

import argparse
from collections.abc import Sequence

from labse_jax.base.command import Command
from labse_jax.base.errors import run
from labse_jax.encoding.vector_files import check_output

DESCRIPTION = """Writes a .npy file of float32 [N, D]: one L2-normalised vector for each line, in
the input's order. The input may be .gz, .xz or .zst. A run that was killed goes on where it was.

  labse-jax encode --model runs/quickstart/model --input lines.txt --output lines.npy"""


def main(argv: Sequence[str]) -> None:
  args = _parsed(argv)
  # Late: `--help` does not wait for JAX.
  from labse_jax import model_folder
  from labse_jax.encoding.sentence_encoder import SentenceEncoder
  from labse_jax.encoding.streaming import encode_file

  encoder = SentenceEncoder.load(args.model, dtype=args.dtype)
  identity = {
    "model": model_folder.fingerprint_of(args.model),
    "precision": args.dtype,
    "prompt": args.prompt,
  }
  lines, _ = encode_file(encoder, args.input, args.output, identity=identity, prompt=args.prompt)
  prompt = encoder.prompt_of(args.prompt)
  with_prompt = f", with the prompt {prompt!r} before each line" if prompt else ""
  print(f"{args.output}: {lines:,} x {encoder.dimension} float32{with_prompt}.")


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
  parser = Command("encode", DESCRIPTION)
  parser.add_model()
  parser.add("--input", old=["--text"], required=True, metavar="FILE", help="a sentence a line")
  parser.add("--output", required=True, metavar="FILE.npy", help="where the vectors are written")
  parser.add_dtype()
  parser.add_prompt()
  args = parser.parse(argv)
  check_output(args.output, args.input)  # Before a large model is opened.
  return args


if __name__ == "__main__":
  run(main)
