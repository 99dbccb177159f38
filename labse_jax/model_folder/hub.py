"""Model folders by their names on the Hugging Face hub: from its cache, or fetched into it."""

import os
import pathlib
import re

from labse_jax.base.errors import InputError
from labse_jax.model_folder import sentence_modules

NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
# What a model folder is read from; weights in other formats are left where they are.
WANTED = ("*.json", "*.txt", "*.model", "*.safetensors")
UNWANTED = ("onnx/*", "openvino/*")
FILES = {"allow_patterns": WANTED, "ignore_patterns": UNWANTED}


def located(name):
  """The path of a model folder: `name` with `~` expanded, or where the hub's model of it lies.

  A path that exists always wins. Where there is none, and `name` is like ORG/NAME, the model is
  taken from the hub's cache or fetched. Raises InputError with what to do where that cannot be.
  """
  path = pathlib.Path(os.path.expanduser(name))
  # Beside a folder runs/, "runs/new" is a path that is spelt wrongly, and no name on the hub.
  if path.exists() or not NAME.fullmatch(str(name)) or path.parent.exists():
    return path
  try:
    import huggingface_hub.errors
  except ImportError:
    raise _missing(name, "pip install 'labse_jax[hub]' lets it be fetched by this name") from None
  return _cached(huggingface_hub, name) or _fetched(huggingface_hub, name)


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
    raise _missing(name, "the Hugging Face hub wants you to log in first: hf auth login") from None
  except errors.RepositoryNotFoundError:
    raise _missing(name, "the Hugging Face hub has none of this name either") from None
  except (OSError, ValueError, errors.HfHubHTTPError):
    # No network, or a network that does not lead to the hub.
    raise _missing(name, "the Hugging Face hub cannot be reached from here") from None
  if not _has_weights(folder):  # Without a network it gives what the cache has of it.
    raise _missing(name, "no safetensors of it could be fetched, the only weights that are read")
  return folder


def _has_weights(folder):
  """Whether the weights of the encoder, and of the dense layer if it has one, are in a snapshot."""
  try:
    encoder, _, dense = sentence_modules.read(folder)
  except InputError:
    return True  # Its reader says what is wrong.
  return all(any(part.glob("*.safetensors")) for part in (encoder, dense) if part)


def _missing(name, why):
  return InputError(
    f"{name}: no such folder; a model folder is needed. If it is a model of the Hugging Face hub: "
    f"{why}; or download it where there is a network, by `hf download {name} --local-dir FOLDER`, "
    "and give FOLDER."
  )
