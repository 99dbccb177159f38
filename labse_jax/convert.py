"""A TensorFlow BERT checkpoint -> a model folder."""

import argparse
from collections.abc import Mapping, Sequence
import dataclasses
import functools
import pathlib
import tempfile
from typing import Any

from labse_jax import model_folder
from labse_jax.base import files
from labse_jax.base.command import Command
from labse_jax.base.errors import InputError, run
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.models import heads
from labse_jax.surgery import cards
from labse_jax.surgery.conversion import (
  CONFIG,
  VOCABULARY,
  beside,
  build_tokenizer,
  convert,
  locate,
  model_of,
)
from labse_jax.surgery.tensorflow_checkpoint import open_checkpoint
from labse_jax.surgery.vector_check import compare, read_vectors
from labse_jax.tokenizer.tokenizer import Tokenizer

DESCRIPTION = """Reads google-research's bert_model.ckpt (TF1), a checkpoint of TensorFlow's model
garden, as of its labse task (TF2), or a SavedModel, as LaBSE's of TF Hub, and writes a folder that
sentence-transformers opens. Every variable is accounted for. Needs pip install
'labse_jax[tensorflow]'; nothing that a SavedModel holds is run.

  labse-jax convert --input LaBSE --output runs/labse --check vectors.jsonl
  labse-jax convert --input multi_cased/bert_model.ckpt --output runs/mbert"""
EPILOG = """What is not asked for is decided, and said:

  pooling      pooler (the [CLS] vector through BERT's pooler, as in LaBSE) where the checkpoint has
               one and no head of pretraining beside it; else mean
  letter case  what a SavedModel says; else by whether the word pieces have capitals
  activation   gelu_new for gelu: TensorFlow's code has the tanh form in its place
  length       256 tokens, as sentence-transformers' LaBSE has it

--check takes lines of {"text": ..., "vector": [...]}, encodes the texts and compares vectors of
length 1. Where a number is more than 1e-4 off nothing is written, and the exit status is 2."""


def main(argv: Sequence[str]) -> None:
  """Converts a checkpoint; nothing is written where anything fails."""
  args = _parse(argv)
  prefix, places = locate(pathlib.Path(args.input))
  vocabulary = beside(args.vocab, "--vocab", VOCABULARY, places)
  if vocabulary is None:
    raise InputError(f"{args.input}: no {VOCABULARY} beside it; --vocab FILE is needed.")
  config = beside(args.config, "--config", CONFIG, places)
  # What a person got wrong is said before TensorFlow is loaded, which takes long.
  inputs = [places[-1], vocabulary]
  inputs += [path for path in (config, args.check) if path]
  files.check_paths(inputs, args.output, marker="modules.json")
  check = read_vectors(args.check) if args.check else None
  variables = open_checkpoint(prefix)
  with tempfile.TemporaryDirectory() as scratch:
    tokenizer_file, case = build_tokenizer(
      vocabulary, pathlib.Path(scratch), args.lower_case, variables.lower_case
    )
    content, pooling = convert(
      variables,
      model_of(variables, config, args.activation),
      tokenizer_file,
      pooling=args.pooling,
      max_length=args.max_length,
    )
    report = compare(_encoder(content), *check) if check else ""
    about = cards.converted(args.input, pooling, report)
    model_folder.write(args.output, dataclasses.replace(content, about=about))
  decisions = {
    "pooling": pooling,
    "letter case": case,
    "activation": content.model["activation"],
    "length": f"{content.max_length} tokens",
    "left out": _counts(variables.left_out),
    "kept beside": "masked-LM head" if "masked_lm" in content.params else "",
    "check": report,
  }
  _say(args.output, content.model, decisions)


def _encoder(content: model_folder.ModelFolder) -> SentenceEncoder:
  module = heads.build(content.model, content.head)
  return SentenceEncoder.of_parts(
    module, content.params, Tokenizer(content.tokenizer_file), max_length=content.max_length
  )


def _counts(left_out: Mapping[str, int]) -> str:
  return ", ".join(f"{kind} ({count})" for kind, count in sorted(left_out.items()))


def _say(output: str, model: Mapping[str, Any], decisions: Mapping[str, str]) -> None:
  print(
    f"{output}: a sentence-transformers folder; {model['depth']} layers of {model['width']}, "
    f"{model['heads']} heads, {model['vocab_size']:,} word pieces."
  )
  for name, text in decisions.items():
    if text:
      print(f"  {name:<12} {text}")


def _parse(argv: Sequence[str]) -> argparse.Namespace:
  parser = Command("convert", DESCRIPTION, epilog=EPILOG)
  add = parser.add
  checkpoint = "a checkpoint's prefix or folder, or a SavedModel"
  add("--input", required=True, metavar="FILE", help=checkpoint)
  add("--output", required=True, metavar="FOLDER", help="the model folder to write")
  add("--vocab", metavar="FILE", help=f"default: {VOCABULARY} beside it or in its assets")
  add("--config", metavar="FILE", help=f"default: {CONFIG} beside it; TF2's needs none")
  pooling = "how tokens become a vector (default: as the checkpoint says)"
  add("--pooling", choices=("pooler", "cls", "mean", "max"), help=pooling)
  case = parser.add_mutually_exclusive_group()
  add_case = functools.partial(add, group=case, dest="lower_case", action="store_const")
  add_case("--cased", const=False, help="the vocabulary has capital letters")
  add_case("--uncased", const=True, help="it has none: text is brought to small letters first")
  activation = "of the feed-forward layers (default: as the configuration says)"
  add("--activation", choices=("gelu", "gelu_new", "relu"), help=activation)
  add("--max-length", type=int, metavar="N", help="in tokens, the special ones included")
  add("--check", metavar="FILE.jsonl", help="texts and the vectors that they should have")
  args = parser.parse(argv)
  if args.max_length is not None and args.max_length < 3:
    raise InputError(f"--max-length {args.max_length}: at least 3 is needed.")
  return args


if __name__ == "__main__":
  run(main)
