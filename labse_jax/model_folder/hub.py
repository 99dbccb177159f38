"""Model folders by their names on the Hugging Face hub: from its cache, or fetched into it."""

import os
import pathlib
import re

from labse_jax.base.errors import InputError
from labse_jax.base.types import PathLike
from labse_jax.model_folder import sentence_modules

NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
SHORT_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
# What a model folder is read from; weights in other formats are left where they are.
WANTED = ("*.json", "*.txt", "*.model", "*.safetensors")
UNWANTED = ("onnx/*", "openvino/*")
DOWNLOAD = "Where there is a network, run `hf download {} --local-dir FOLDER`; then give FOLDER."
FILES = {"allow_patterns": WANTED, "ignore_patterns": UNWANTED}


def located(name: PathLike) -> pathlib.Path:
  """The path of a model folder: `name` with `~` expanded, or where the hub's model of it lies.

  A path that exists always wins. Where there is none, and `name` is like ORG/NAME, the model is
  taken from the hub's cache or fetched. Raises InputError with what to do where that cannot be.
  """
  name = os.fspath(checked_name(name))  # The hub takes no pathlib.Path.
  path = pathlib.Path(os.path.expanduser(name))
  if path.exists():
    if not path.is_dir():
      raise InputError(f"{path}: is a file; a model folder is needed.")
    return path
  # Beside a folder runs/, "runs/new" is a path that is spelt wrongly, and no name on the hub.
  if not NAME.fullmatch(name) or path.parent.exists():
    raise InputError(f"{path}: no such folder; a model folder is needed.{_organisation(name)}")
  try:
    import huggingface_hub.errors
  except ImportError:
    why = ". `pip install 'labse_jax[hub]'` lets it be fetched from the Hugging Face hub"
    raise _missing(name, why) from None
  return _cached(huggingface_hub, name) or _fetched(huggingface_hub, name)


def checked_name(name: PathLike) -> PathLike:
  """Returns `name` if it can be the name of a folder; else raises InputError."""
  if not isinstance(name, str | os.PathLike) or not os.fspath(name):
    raise InputError(f"{name!r} names no folder; give a path, such as 'models/mine'.")
  return name


def _organisation(name):
  """What to do where `name` may be the short name of a model of the hub, such as LaBSE."""
  if not SHORT_NAME.fullmatch(name):
    return ""
  return (
    " If you mean the model of the Hugging Face hub, its name has an organisation, such as "
    "sentence-transformers/LaBSE."
  )


def _cached(huggingface_hub, name):
  """The folder in the hub's cache; None where it is not there, or may not be whole."""
  try:
    folder = pathlib.Path(huggingface_hub.snapshot_download(name, local_files_only=True, **FILES))
  except (OSError, ValueError):
    return None
  # Other tools fetch single files: a config alone, or all but how tokens become a vector.
  return folder if (folder / "modules.json").exists() and _has_weights(folder) else None


def _fetched(huggingface_hub, name):
  """The folder in the cache, after a download of what it lacks."""
  errors = huggingface_hub.errors
  try:
    folder = pathlib.Path(huggingface_hub.snapshot_download(name, **FILES))
  except errors.GatedRepoError:
    raise _missing(
      name, ", and the Hugging Face hub wants you to log in: `hf auth login`"
    ) from None
  except errors.RepositoryNotFoundError:
    raise _missing(name, ", and the Hugging Face hub has none of this name", "") from None
  except (OSError, ValueError, errors.HfHubHTTPError):
    # No network, or a network that does not lead to the hub.
    raise _missing(name, ", and the Hugging Face hub cannot be reached from here") from None
  if not _has_weights(folder):  # Without a network it gives what the cache has of it.
    why = ", and no safetensors of it could be fetched, the only weights that are read"
    raise _missing(name, why)
  return folder


def _has_weights(folder):
  """Whether the weights of the encoder, and of the dense layer if it has one, are in a snapshot."""
  try:
    encoder, _, dense = sentence_modules.read(folder)
  except InputError:
    return True  # Its reader says what is wrong.
  return all(any(part.glob("*.safetensors")) for part in (encoder, dense) if part)


def _missing(name, why, do=DOWNLOAD):
  return InputError(f"{name}: no such folder{why}. {do.format(name)}".rstrip())
