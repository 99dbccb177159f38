"""`--config FILE.py:key=value --config.a.b=v --workdir FOLDER` to a locked config."""

import re
import sys

from absl import flags
from ml_collections import config_flags

from labse_jax.base.command import Command
from labse_jax.base.errors import InputError
from labse_jax.configs import experiment_files, fields, loss_options

FIELD = re.compile(r"--(no)?config[.\[]")


def load_config(argv, description="", epilog=None):
  """Returns (config, workdir) of a command line; raises InputError for what it does not know."""
  parser = config_command("train", description, epilog=epilog)
  parser.add("--workdir", metavar="FOLDER", help="where everything goes")
  config, args = parse(parser, argv)
  if not args.workdir:
    raise InputError("--workdir is missing; see `labse-jax train --help`.")
  return config, args.workdir


def parse(parser, argv):
  """Returns (config, args): the config of a command line, and the other flags of a Command.

  The parser is one of `config_command`. `--fields` prints the config's fields and exits. Raises
  InputError.
  """
  own, changes = _split(argv)
  args = parser.parse_args(own if argv else ["--help"])
  config = _load(args.config, changes)
  if args.fields:
    print(fields.table(config))
    sys.exit(0)
  return config, args


def config_command(verb, description, *, epilog=None):
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


def _split(argv):
  """(the words that are no change of a field, the changes: (flag, its value or None))."""
  own = []
  changes = []
  words = list(argv)
  while words:
    word = words.pop(0)
    if not FIELD.match(word):
      own.append(word)
      continue
    flag, equals, value = word.partition("=")
    if not equals:
      value = words.pop(0) if words and not words[0].startswith("--") else None
    changes.append((flag, value))
  return own, changes


def _load(experiment, changes):
  """The config of `FILE.py:arg` with its fields changed, as `_split` gives the changes."""
  path, colon, arg = experiment.partition(":")
  flag = f"--config={experiment_files.located(path)}{colon}{arg}"
  changes, asked = loss_options.split(changes)
  words = [name if value is None else f"{name}={value}" for name, value in changes]
  try:
    config = _parsed_by_absl([flag, *words])
  except InputError:
    raise
  except Exception as error:  # Also whatever the experiment's own file raises.
    unknown = _unknown_field(flag, changes)
    raise InputError(unknown or _explain(error)) from error
  loss_options.set_loss(config, asked)
  return config


def _parsed_by_absl(words):
  values = flags.FlagValues()
  argv = ["labse-jax", *words]
  flag = config_flags.DEFINE_config_file(
    "config", lock_config=True, flag_values=values, sys_argv=argv
  )
  rest = values(argv)
  if len(rest) > 1:
    raise InputError(f"Unknown argument {rest[1]!r}; see --help.")
  return flag.value


def _unknown_field(flag, changes):
  """What to say of the first change of a field that there is not; None where all are there."""
  try:
    config = _parsed_by_absl([flag])
  except Exception:  # The experiment itself is what is wrong.
    return None
  messages = [fields.unknown_field(config, FIELD.sub("", name)) for name, _ in changes]
  return next(filter(None, messages), None)


def _explain(error):
  """One sentence of an error of absl's, or of the experiment's own file."""
  text = str(error.args[0] if error.args else error)
  if "Traceback" in text:  # absl quotes the whole traceback; its last line says what was wrong.
    text = text.strip().splitlines()[-1].removeprefix(f"{InputError.__module__}.InputError: ")
  if isinstance(error, SyntaxError):
    return f"{error.filename}:{error.lineno}: {text}."
  if isinstance(error, AttributeError | KeyError):
    text = text.replace("\\n", " ").replace("\\'", "'").strip("\"'")  # A repr of a repr.
    return f"Unknown config key: {text}"
  return text if isinstance(error, flags.Error) else f"{type(error).__name__}: {text}"
