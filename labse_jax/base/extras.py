"""The extras of the package, by the libraries that an installation without them lacks."""

import importlib.util

EXTRAS = {  # Module of the library: the extra that brings it. pyproject.toml has the same.
  "absl": "train",
  "array_record": "data",
  "defusedxml": "data",
  "faiss": "faiss",
  "grain": "train",
  "huggingface_hub": "hub",
  "jinja2": "report",
  "matplotlib": "report",
  "ml_collections": "train",
  "mteb": "mteb",
  "orbax": "train",
  "py3langid": "langid",
  "tensorflow": "tensorflow",
  "tensorflow_datasets": "data",
}


def explanation(error: ImportError) -> str | None:
  """What to install, where `error` is of a library that an extra brings and that is not there."""
  library = (error.name or "").partition(".")[0]
  extra = EXTRAS.get(library)
  if extra is None or not isinstance(error, ModuleNotFoundError):
    return None
  if error.name != library and _is_there(library):
    return None  # A part of it is missing: it is broken, or of another version.
  return f"{library} is missing, which the extra {extra!r} brings: pip install 'labse_jax[{extra}]'"


def _is_there(library):
  # Several packages share a folder such as orbax: only what has a file of its own is one library.
  spec = importlib.util.find_spec(library)
  return spec is not None and spec.origin is not None


def check(extra: str) -> None:
  """Raises ModuleNotFoundError where a library of an extra is missing, before work is in vain."""
  for library, brought_by in EXTRAS.items():
    if brought_by == extra and importlib.util.find_spec(library) is None:
      raise ModuleNotFoundError(f"No module named {library!r}", name=library)
