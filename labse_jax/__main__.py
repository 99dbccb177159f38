"""`labse-jax VERB ...` is `python -m labse_jax.VERB ...`."""

from collections.abc import Sequence
import importlib
import typing

from labse_jax.base.command import VERSION, unknown_flag
from labse_jax.base.errors import known, run

VERBS = {
  "prepare": "parallel text in any format -> a checked, de-duplicated dataset",
  "vocabulary": "a dataset -> a tokenizer",
  "teach": "a teacher and a dataset -> its vectors, stored beside the dataset",
  "hard_negatives": "a model and a dataset -> near texts that are no translations, beside it",
  "train": "a config -> a trained model folder",
  "report": "a run -> one HTML page",
  "encode": "sentences -> vectors",
  "search": "sentences and a query -> the sentences nearest to it",
  "mine": "two files of sentences -> the translations among them",
  "align": "two documents, translations of each other -> their pairs of sentences",
  "evaluate": "a model folder -> its accuracy on a benchmark",
  "convert": "a TensorFlow BERT checkpoint -> a model folder",
  "extend": "a model folder -> one with new word pieces for a language",
  "trim": "a model folder -> a smaller one, for the words of a text",
  "plan": "a config -> what it needs on a TPU slice, without one",
}
MORE = """`labse-jax VERB --help` tells more of a verb, `labse-jax --version` tells the version."""


def main(argv: Sequence[str]) -> int | None:
  if not argv or argv[0] in ("-h", "--help"):
    lines = "\n".join(f"  {verb:<16}{purpose}" for verb, purpose in VERBS.items())
    print(f"usage: labse-jax VERB ...\n\n{lines}\n\n{MORE}")
    return 0
  if argv[0] == "--version":
    print(VERSION)
    return 0
  if argv[0].startswith("-"):
    raise unknown_flag(argv[0], ["-h", "--help", "--version"], "labse-jax")
  known("verb", argv[0], VERBS)
  return importlib.import_module(f"labse_jax.{argv[0]}").main(argv[1:])


def console() -> typing.NoReturn:
  run(main)


if __name__ == "__main__":
  run(main)
