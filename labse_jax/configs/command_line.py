"""`--config FILE.py:key=value --config.a.b=v --workdir FOLDER` to a locked config."""

import argparse
from collections.abc import Iterable, Sequence
import os
import re
import sys

from absl import flags
import ml_collections
from ml_collections import config_flags

from labse_jax.base.command import Command
from labse_jax.base.errors import InputError
from labse_jax.base.plugins import module_of, where_it_failed
from labse_jax.base.types import Config
from labse_jax.configs import experiment_files, fields, loss_options, optional_fields

FIELD = re.compile(r"--(no)?config[.\[]")
PLAIN = (  # How absl begins what it says of a flag, and the same in our words.
  (r"flag (.*?): invalid literal for int\(\)", r"\1: a whole number is needed."),
  (r"flag (.*?): could not convert string to float", r"\1: a number is needed."),
  (r"Missing value for flag (.*)", r"\1: a value is missing."),
  (r"flag (.*?): \('Non-boolean argument", r"\1: true or false is needed."),
  (r"malformed node or string", "a name of a field holds a sign that none can have, such as -."),
)


def load_config(
  argv: Sequence[str],
  description: str = "",
  epilog: str | None = None,
) -> tuple[Config, str]:
  """Returns (config, workdir) of a command line; raises InputError for what it does not know."""
  parser = config_command("train", description, epilog=epilog)
  # A list of the fields needs none; the beginning of a flag is enough.
  fields_alone = any(len(word) > 2 and "--fields".startswith(word) for word in argv)
  help = "where everything goes; needed unless --fields is given"
  parser.add("--workdir", required=not fields_alone, metavar="FOLDER", help=help)
  config, args = parse(parser, argv)
  return config, args.workdir


def parse(parser: Command, argv: Sequence[str]) -> tuple[Config, argparse.Namespace]:
  """Returns (config, args): the config of a command line, and the other flags of a Command.

  The parser is one of `config_command`. `--fields` prints the config's fields and exits. Raises
  InputError.
  """
  own, changes = _split(argv)
  args = parser.parse(own if argv else ["--help"])
  try:
    config = _load(args.config, changes)
  except InputError as error:
    if not args.fields:
      raise
    # A list needs the config, and some configs need what they are to be made of.
    raise InputError(f"{error} With --fields behind that, the fields are listed.") from error
  if args.fields:
    print(fields.table(config))
    sys.exit(0)
  return config, args


def config_command(verb: str, description: str, *, epilog: str | None = None) -> Command:
  """A Command with the flags that say which config, and those that change its fields."""
  parser = Command(verb, description, epilog=epilog)
  experiment = "an experiment: a file with get_config(arg); what stands after the colon is its arg"
  form = "FILE.py[:KEY=VALUE,...]"
  parser.add("--config", required=True, metavar=form, help=experiment)
  change = "changes a field of the config, such as --config.optim.clip=0.5; may be repeated"
  # For the help alone: the fields are known when the experiment is.
  parser.add("--config.FIELD", metavar="VALUE", help=change)
  parser.add("--fields", action="store_true", help="list the fields of the config and stop")
  return parser


def _split(argv: Sequence[str]) -> tuple[list[str], list[loss_options.Change]]:
  """(the words that are no change of a field, the changes: (flag, its value or None))."""
  own = []
  changes = []
  words = list(argv)
  while words:
    word = words.pop(0)
    if not FIELD.match(word):
      own.append(word)
      continue
    flag, equals, text = word.partition("=")
    value: str | None = text
    if not equals:
      value = words.pop(0) if words and not words[0].startswith("--") else None
    # A path may be within the home folder; the shell leaves a "~" within a word as it is.
    changes.append((flag, value if value is None else os.path.expanduser(value)))
  return own, changes


def _load(experiment: str, changes: list[loss_options.Change]) -> Config:
  """The config of `FILE.py:arg` with its fields changed, as `_split` gives the changes."""
  config = _made_by(experiment)
  changes, asked = loss_options.split(changes)
  for name, _ in changes:
    optional_fields.let_set(config, FIELD.sub("", name))
  words = [name if value is None else f"{name}={value}" for name, value in changes]
  try:
    _change(config, words)
  except InputError:
    raise
  except Exception as error:
    messages = [fields.unknown_field(config, FIELD.sub("", name)) for name, _ in changes]
    unknown = next(filter(None, messages), None)
    raise InputError(unknown or _explain(error)) from error
  loss_options.set_loss(config, asked)
  return config


def _made_by(experiment: str) -> Config:
  """The config of `FILE.py:arg`; raises InputError, with the file's line, where that fails."""
  name, colon, arg = experiment.partition(":")
  path = experiment_files.located(name).absolute()
  get_config = getattr(module_of(path), "get_config", None)
  if not callable(get_config):
    raise InputError(f"{path}: must define get_config(arg).")
  try:
    config = get_config(arg) if colon else get_config()
  except InputError:
    raise
  except Exception as error:
    raise InputError(where_it_failed(error, path)) from error
  if not isinstance(config, ml_collections.ConfigDict):
    kind = type(config).__name__
    raise InputError(
      f"{path}: get_config must return a ConfigDict of ml_collections; it returned a {kind}."
    )
  return config


def _change(config: Config, words: Iterable[str]) -> None:
  """Changes a config by the words of a command line, and locks it."""
  values = flags.FlagValues()
  argv = ["labse-jax", *words]
  config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=argv)
  rest = values(argv)
  if len(rest) > 1:
    raise InputError(f"Unknown argument {rest[1]!r}; see --help.")


def _explain(error: Exception) -> str:
  """One sentence of an error of absl's."""
  text = str(error.args[0] if error.args else error)
  for pattern, plain in PLAIN:
    found = re.match(pattern, text)
    if found:
      return found.expand(plain)
  if isinstance(error, AttributeError | KeyError):
    text = text.replace("\\n", " ").replace("\\'", "'").strip("\"'")  # A repr of a repr.
    return f"Unknown config key: {text}"
  return text if isinstance(error, flags.Error) else f"{type(error).__name__}: {text}"
