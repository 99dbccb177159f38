"""The command line of a verb: one builder, so that all of them look alike and fail alike."""

import argparse
import re

from labse_jax.base.errors import InputError, nearest, unicode_text
from labse_jax.base.version import __version__

DTYPES = ("float32", "bfloat16")
LANGUAGE = "a language by its ISO 639 code or its name, such as deu or German"
VERSION = f"labse-jax {__version__}"


class Command(argparse.ArgumentParser):
  """The parser of `labse-jax VERB`; a wrong command line raises InputError with one line.

  Flags are added by `add`, which says their defaults in the help and hides their old names.
  """

  def __init__(self, verb, description, *, epilog=None):
    super().__init__(
      prog=f"labse-jax {verb}",
      description=description,
      epilog=epilog,
      formatter_class=argparse.RawDescriptionHelpFormatter,
      add_help=False,
    )
    self.flags = []
    self.add("-h", "--help", action="help", help="show this text and stop")
    self.add("--version", action="version", version=VERSION, help="show the version and stop")

  def add(self, *names, old=(), group=None, help="", **options):
    """Adds an argument; `old` are names that it had before, which work but are not shown.

    `group` is one of the parser's own groups, if the argument belongs into one.
    """
    default = options.get("default")
    if default not in (None, False, [], argparse.SUPPRESS) and "%(default)" not in help:
      help += " (default: %(default)s)"
    container = self if group is None else group
    action = container.add_argument(*names, *old, help=help.strip(), **options)
    if old:  # The parser has noted all of the names; help and errors show the new ones.
      action.option_strings = list(names)
    self.flags.extend(name for name in (*names, *old) if name.startswith("-"))
    return action

  def add_model(self, *, required=True):
    """Adds --model."""
    help = "a sentence-transformers folder, or its name on the Hugging Face hub"
    return self.add("--model", required=required, metavar="FOLDER", help=help)

  def add_dtype(self, *, old=("--precision",), default="float32", help="type of the products"):
    """Adds --dtype, the type of numbers that a model computes in."""
    return self.add("--dtype", old=old, default=default, choices=DTYPES, help=help)

  def add_prompt(self):
    """Adds --prompt."""
    help = "put before each text, instead of the folder's own default prompt"
    return self.add("--prompt", type=unicode_text, metavar="TEXT", help=help)

  def add_data(self, **options):
    """Adds --data, a dataset; required unless the options say else."""
    options = {"required": True, **options}
    return self.add("--data", metavar="FOLDER", help="a dataset that `prepare` wrote", **options)

  def add_languages(self, *, help, **options):
    """Adds --source-language and --target-language."""
    self.add("--source-language", metavar="CODE", help=f"{LANGUAGE}; {help}", **options)
    self.add("--target-language", metavar="CODE", help="the same for the other side", **options)

  def parse_args(self, words):
    """The arguments; raises InputError, for a flag that there is not with the nearest that is."""
    # First of all: argparse would rather tell which flags are missing.
    self._check_flags(words)
    return super().parse_args(words)

  def _check_flags(self, words):
    """Raises InputError for the first flag among `words` that is none of ours, nor begins one."""
    for word in words:
      if word == "--":  # What follows are no flags.
        return
      name = word.partition("=")[0]
      # To argparse, too, a text with a space is a value.
      if not name.startswith("--") or " " in name:
        continue
      if not any(flag.startswith(name) for flag in self.flags):
        hint = nearest(name, self.flags)
        raise InputError(f"Unknown flag {name!r}{hint}; see `{self.prog} --help`.")

  def error(self, message):
    """Raises InputError in our own words for what argparse has to say."""
    raise InputError(f"{_plain(message)}; see `{self.prog} --help`.")


def _plain(message):
  """One of argparse's messages as a sentence, without the full stop."""
  missing = re.fullmatch(r"the following arguments are required: (.*)", message)
  if missing:
    verb = "are" if "," in missing[1] else "is"
    return f"{missing[1]} {verb} missing"
  choice = re.fullmatch(r"argument (\S+): invalid choice: '(.*)' \(choose from (.*)\)", message)
  if choice:
    allowed = re.findall(r"[^\s,']+", choice[3])
    return f"{choice[1]} {choice[2]}: choose from {', '.join(allowed)}{nearest(choice[2], allowed)}"
  kind = re.fullmatch(r"argument (\S+): invalid (\w+) value: '(.*)'", message)
  if kind:
    wanted = {"int": "a whole number", "float": "a number", "unicode_text": "Unicode text"}.get(
      kind[2], kind[2]
    )
    return f"{kind[1]} {kind[3]}: {wanted} is needed"
  return message.removeprefix("argument ")
