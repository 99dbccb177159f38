"""config_sentence_transformers.json: the prompts of a model, and how its vectors are compared."""

from collections.abc import Collection, Mapping
import pathlib

from labse_jax.base.errors import InputError, unicode_text
from labse_jax.base.files import read_json, write_json

NAME = "config_sentence_transformers.json"
# What folders call the prompt of a text that is searched for, and of one that is searched in.
ROLES = {"query": ("query",), "document": ("document", "passage", "corpus")}
SIMILARITIES = ("cosine", "dot", "euclidean", "manhattan")


def write(
  folder: pathlib.Path, prompts: Mapping[str, str], default: str | None, similarity: str
) -> None:
  """Writes the file into `folder`."""
  write_json(
    folder / NAME,
    {"prompts": prompts, "default_prompt_name": default, "similarity_fn_name": similarity},
  )


def read(folder: pathlib.Path) -> tuple[dict[str, str], str | None, str]:
  """Returns (prompts, the default one's name, the name of the similarity).

  A prompt of null is empty.
  """
  path = folder / NAME
  config = read_json(path, {})
  try:
    prompts = checked(config.get("prompts") or {})
    default = config.get("default_prompt_name")
    check_default(default, prompts)
  except InputError as error:
    raise InputError(f"{path}: {error}") from None
  similarity = config.get("similarity_fn_name")
  if similarity not in SIMILARITIES:  # sentence-transformers too passes over what it does not know.
    similarity = SIMILARITIES[0]
  if config.get("truncate_dim") is not None:
    raise InputError(
      f"{path}: truncate_dim is not supported. Take it away, and ask for truncate_dim where the "
      "vectors are made."
    )
  return prompts, default, similarity


def role_name(role: str, prompts: Collection[str]) -> str | None:
  """The name of the prompt for a role, "query" or "document": the first there is; None if none."""
  return next((name for name in ROLES[role] if name in prompts), None)


def checked(given: object) -> dict[str, str]:
  """A copy of prompts by name, in which None has become an empty prompt; InputError for others."""
  prompts = {}
  for name, text in given.items() if isinstance(given, dict) else [(None, given)]:
    if not isinstance(name, str) or not isinstance(text, str | None):
      raise InputError(
        f"prompts is {given!r}; a dict of texts is needed, such as {{'query': 'query: '}}."
      )
    unicode_text(name, "prompts: ")
    prompts[name] = unicode_text(text or "", f"prompts: {name}: ")
  return prompts


def check_default(name: object, prompts: Collection[str]) -> None:
  """Raises InputError unless `name` is None or that of a prompt."""
  if name is not None and name not in list(prompts):  # JSON may hold what has no hash.
    if not prompts:
      raise InputError(f"default_prompt_name is {name!r}, but there are no prompts to choose from.")
    raise InputError(
      f"default_prompt_name is {name!r}; choose from {sorted(prompts)}, or None for no prompt."
    )
