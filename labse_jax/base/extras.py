"""The extras of the package, by the libraries that an installation without them lacks."""

import importlib.util

EXTRAS = {  # Module of the library: the extra that brings it. pyproject.toml has the same.
  "absl": "train",
  "array_record": "data",
  "defusedxml": "data",
  "faiss": "faiss",
  "grain": "train",
  "huggingface_hub": "hub",
  "matplotlib": "report",
  "ml_collections": "train",
  "mteb": "mteb",
  "orbax": "train",
  "py3langid": "langid",
  "tensorflow": "tensorflow",
  "tensorflow_datasets": "data",
}


def explanation(error: ImportError) -> str | None:
  """What to install, where `error` is of a library that an extra brings; else None."""
  library = (error.name or "").partition(".")[0]
  extra = EXTRAS.get(library)
  if extra is None or not isinstance(error, ModuleNotFoundError):
    return None
  return f"{library} is missing, which the extra {extra!r} brings: pip install 'labse_jax[{extra}]'"


def check(library: str) -> None:
  """Raises ModuleNotFoundError where a library is missing, before work is done in vain."""
  if importlib.util.find_spec(library) is None:
    raise ModuleNotFoundError(f"No module named {library!r}", name=library)
