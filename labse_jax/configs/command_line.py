"""`--config FILE.py:key=value --config.a.b=v --workdir DIR` to a locked config."""

import pathlib
import re
import sys

from absl import flags
from ml_collections import config_flags

from labse_jax.base.errors import InputError


def load_config(argv, usage=""):
  """Returns (config, workdir) of a command line; raises InputError for what it does not know."""
  config, values = parse(argv, usage, workdir=None)
  if not values.workdir:
    raise InputError("--workdir DIR is missing; see --help.")
  return config, values.workdir


def parse(argv, usage, **defaults):
  """Returns (config, values) of a command line with --config and the flags that `defaults` names.

  `--help` prints `usage` and exits. A flag is text, or a switch where its default is a bool. Raises
  InputError.
  """
  if "--help" in argv or "-h" in argv or not argv:
    print(usage)
    sys.exit(0)
  values = flags.FlagValues()
  config_flag = config_flags.DEFINE_config_file(
    "config", lock_config=True, flag_values=values, sys_argv=["train", *argv]
  )
  for name, default in defaults.items():
    define = flags.DEFINE_boolean if isinstance(default, bool) else flags.DEFINE_string
    define(name.replace("_", "-"), default, "", flag_values=values)
  _check_file(argv)
  try:
    rest = values(["train", *argv])
  except InputError:
    raise
  except Exception as error:  # Also whatever the experiment's own file raises.
    raise InputError(_explain(error)) from error
  if len(rest) > 1:
    raise InputError(f"Unknown argument {rest[1]!r}; see --help.")
  return config_flag.value, values


def _check_file(argv):
  for word, after in zip(argv, [*argv[1:], ""], strict=True):
    if word == "--config" or word.startswith("--config="):
      path = (after if word == "--config" else word.partition("=")[2]).partition(":")[0]
      if not pathlib.Path(path).is_file():
        raise InputError(f"{path}: no such config file.")
      return
  raise InputError("--config FILE.py is missing; see --help.")


def _explain(error):
  """One sentence of an error of absl's, or of the experiment's own file."""
  text = str(error.args[0] if error.args else error)
  if "Traceback" in text:  # absl quotes the whole traceback; its last line says what was wrong.
    text = text.strip().splitlines()[-1].removeprefix(f"{InputError.__module__}.InputError: ")
  near = re.search(r'Did you mean "(\w+)" instead of "(\w+)"', text)
  if near:
    return f"Unknown config key {near[2]!r}; did you mean {near[1]!r}?"
  if isinstance(error, SyntaxError):
    return f"{error.filename}:{error.lineno}: {text}."
  if isinstance(error, AttributeError | KeyError):
    text = text.replace("\\n", " ").replace("\\'", "'").strip("\"'")  # A repr of a repr.
    return f"Unknown config key: {text}"
  return text if isinstance(error, flags.Error) else f"{type(error).__name__}: {text}"
