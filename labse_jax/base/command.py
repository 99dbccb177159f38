"""The command line of a verb: one builder, so that all of them look alike and fail alike."""

import argparse
from collections.abc import Iterable, Sequence
import os
import re
import typing

from labse_jax.base.errors import InputError, alike, unicode_text
from labse_jax.base.version import __version__

DTYPES = ("float32", "bfloat16")
LANGUAGE = "a language by its ISO 639 code or its name, such as deu or German"
PRODUCTS = "number type of the matrix products; bfloat16 is faster"
VERSION = f"labse-jax {__version__}"
# To argparse, too, a text with a space is a value, and so is a number below zero.
LIKE_A_FLAG = re.compile(r"(--|-[A-Za-z])[^ ]*")
PLAIN = (  # What argparse says, and the same in our words.
  (r"the following arguments are required: ([^,]*)", r"\1 is missing"),
  (r"the following arguments are required: (.*), ([^,]*)", r"\1 and \2 are missing"),
  (r"argument (\S+): expected (?:one|at least one) argument", r"\1: a value is missing"),
  (r"argument (\S+): ignored explicit argument '(.*)'", r"\1 takes no value; it was given '\2'"),
  (r"argument (\S+): not allowed with argument (.*)", r"\2 and \1 cannot both be given"),
  (r"argument (\S+): invalid int value: '(.*)'", r"\1 \2: a whole number is needed"),
  (r"argument (\S+): invalid float value: '(.*)'", r"\1 \2: a number is needed"),
  (r"argument (\S+): invalid unicode_text value: '(.*)'", r"\1 \2: Unicode text is needed"),
  (r"ambiguous option: (\S+) could match (.*)", r"\1 may be any of \2; write all of it"),
  (r"argument (.*)", r"\1"),
)


class Command(argparse.ArgumentParser):
  """The parser of `labse-jax VERB`; a wrong command line raises InputError with one line.

  Flags are added by `add`, which says their defaults in the help and hides their old names. Those
  that take a FILE or a FOLDER take "~" for the home folder, and no empty path.
  """

  def __init__(
    self,
    verb: str,
    description: str,
    *,
    usage: str | None = None,
    epilog: str | None = None,
  ) -> None:
    super().__init__(
      prog=f"labse-jax {verb}",
      usage=usage,
      description=description,
      epilog=epilog,
      formatter_class=argparse.RawDescriptionHelpFormatter,
      add_help=False,
    )
    self.flags: list[str] = []
    self.add("-h", "--help", action="help", help="show this text and stop")
    self.add("--version", action="version", version=VERSION, help="show the version and stop")

  def add(
    self,
    *names: str,
    old: Sequence[str] = (),
    group: argparse._ArgumentGroup | None = None,
    help: str = "",
    **options: typing.Any,
  ) -> argparse.Action:
    """Adds an argument; `old` are names that it had before, which work but are not shown.

    `group` is one of the parser's own groups, if the argument belongs into one.
    """
    default = options.get("default")
    if default not in (None, False, [], argparse.SUPPRESS) and "%(default)" not in help:
      help += " (default: %(default)s)"
    if str(options.get("metavar")).startswith(("FILE", "FOLDER")):
      options.setdefault("type", _path)
    container = self if group is None else group
    action = container.add_argument(*names, *old, help=help.strip(), **options)
    if old:  # The parser has noted all of the names; help and errors show the new ones.
      action.option_strings = list(names)
    self.flags.extend(name for name in (*names, *old) if name.startswith("-"))
    return action

  def add_model(self, *, required: bool = True) -> argparse.Action:
    """Adds --model."""
    help = "a sentence-transformers folder, or its name on the Hugging Face hub"
    return self.add("--model", required=required, metavar="FOLDER", help=help)

  def add_dtype(
    self,
    *,
    old: Sequence[str] = ("--precision",),
    default: str | None = "float32",
    help: str = PRODUCTS,
  ) -> argparse.Action:
    """Adds --dtype, the type of numbers that a model computes in."""
    return self.add("--dtype", old=old, default=default, choices=DTYPES, help=help)

  def add_prompt(self) -> argparse.Action:
    """Adds --prompt."""
    help = "put before each text, instead of the folder's own default prompt"
    return self.add("--prompt", type=unicode_text, metavar="TEXT", help=help)

  def add_data(self, **options: typing.Any) -> argparse.Action:
    """Adds --data, a dataset; required unless the options say else."""
    options = {"required": True, **options}
    return self.add("--data", metavar="FOLDER", help="a dataset that `prepare` wrote", **options)

  def add_languages(self, *, help: str, **options: typing.Any) -> None:
    """Adds --source-language and --target-language."""
    self.add("--source-language", metavar="CODE", help=f"{LANGUAGE}; {help}", **options)
    self.add("--target-language", metavar="CODE", help="the same for the other side", **options)

  def add_format(self, formats: Iterable[str]) -> None:
    """Adds --format, one of these."""
    help = "format of the output (default: the one that its name ends in, or else tsv)"
    self.add("--format", choices=formats, help=help)

  def parse(self, words: Sequence[str]) -> argparse.Namespace:
    """The arguments; raises InputError, for a flag that there is not with the nearest that is."""
    # First of all: argparse would rather tell which flags are missing.
    self._check_flags(words)
    args, extra = self.parse_known_args(words)
    if extra:
      self.error(f"Unknown argument{'s' * (len(extra) > 1)} {', '.join(map(repr, extra))}")
    return args

  def _check_flags(self, words: Sequence[str]) -> None:
    """Raises InputError for the first flag among `words` that is none of ours, nor begins one."""
    for word in words:
      if word == "--":  # What follows are no flags.
        return
      name = word.partition("=")[0]
      if not LIKE_A_FLAG.fullmatch(name) or name in self.flags:
        continue
      # The beginning of a flag is enough, unless one of its dashes is missing.
      if not name.startswith("--") or not any(flag.startswith(name) for flag in self.flags):
        raise unknown_flag(name, self.flags, self.prog)

  def error(self, message: str) -> typing.NoReturn:
    """Raises InputError in our own words for what argparse has to say."""
    raise InputError(f"{_plain(message)}. See `{self.prog} --help`.")


def unknown_flag(name: str, flags: Sequence[str], prog: str) -> InputError:
  """The InputError for a flag that is none of `flags`, with the one that was likely meant."""
  # A field of a config, such as --config.optim.clip, goes by what stands before its first dot.
  head, dot, field = name.partition(".")
  heads = list(dict.fromkeys(flag.partition(".")[0] for flag in flags))
  # Of "-model" and "--vers" the whole is sure, however many letters are missing.
  near = [flag for flag in heads if flag.startswith((name, f"-{name}"))] or alike(head, heads)
  hint = "."
  if near:
    takes_fields = any(flag.startswith(f"{near[0]}.") for flag in flags)
    meant = near[0] + dot + field if takes_fields else near[0]
    hint = f"; did you mean {meant!r}?"
  return InputError(f"Unknown flag {name!r}{hint} See `{prog} --help`.")


def _path(text: str) -> str:
  """A path as a flag's value: "~" is the home folder, also where the shell left it."""
  if not text:
    raise argparse.ArgumentTypeError("a path is needed; it is empty")
  return os.path.expanduser(text)


def _plain(message: str) -> str:
  """One of argparse's messages as a sentence, without the full stop."""
  either = re.fullmatch(r"one of the arguments (.*) is required", message)
  if either:
    return f"One of {' and '.join(either[1].split())} is needed"
  choice = re.fullmatch(r"argument (\S+): invalid choice: '(.*)' \(choose from (.*)\)", message)
  if choice:
    # All that there are stand here: a guess would add nothing.
    return f"{choice[1]} {choice[2]}: choose from {choice[3].replace(chr(39), '')}"
  for pattern, plain in PLAIN:
    found = re.fullmatch(pattern, message, re.DOTALL)
    if found:
      return found.expand(plain)
  return message
