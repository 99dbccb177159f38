"""The model folder that an encoder is opened from, and that is written again to save it."""

import dataclasses
import pathlib

from labse_jax import model_folder
from labse_jax.base import console, files, fingerprint
from labse_jax.base.errors import InputError, known
from labse_jax.base.types import PathLike
from labse_jax.model_folder import card, known_models
from labse_jax.models import heads
from labse_jax.tokenizer.tokenizer import Tokenizer

MARKER = "modules.json"
DTYPES = ("bfloat16", "float32")


@dataclasses.dataclass(frozen=True)
class Origin:
  """A folder that was opened, and the size and time of each of its files then.

  `need` is what its model was trained with, where that is known and its default prompt is right.
  """

  folder: pathlib.Path
  stamps: dict[pathlib.Path, tuple[int, int]]
  need: known_models.Need | None = None

  def role_warning(self, role: str, prompt: str) -> str | None:
    """A line where texts of a role get another prompt than a well-known model needs; else None."""
    if self.need is None:
      return None
    wrong = known_models.role_warning(self.need, role, prompt)
    return wrong and f"{self.folder}: {wrong}"

  def write(
    self,
    path: PathLike,
    *,
    max_length: int,
    prompts: dict[str, str],
    default_prompt: str | None,
    similarity: str,
  ) -> None:
    """Writes the folder's content to `path`, with these fields of its ModelFolder changed.

    The weights are read again, because those on the devices may be of another type. Raises
    InputError where they are no longer what was opened, or where `path` holds other files.
    """
    files.check_paths([self.folder], path, marker=MARKER)
    if _stamps(self.folder) != self.stamps:
      raise InputError(f"{self.folder}: has changed since it was opened; open it again, then save.")
    content = model_folder.read(self.folder, pretraining=True)
    name = card.shown(self.folder)
    content = dataclasses.replace(
      content,
      max_length=max_length,
      prompts=prompts,
      default_prompt=default_prompt,
      similarity=similarity,
      about=card.About(made=(f"labse_jax saved it from the model {name}.",), base=self.folder),
    )
    model_folder.write(path, content)


def opened(
  name: PathLike, dtype: str
) -> tuple[model_folder.ModelFolder, heads.SentenceModel, Tokenizer, Origin]:
  """Opens a model folder; returns (its ModelFolder, its module in `dtype`, Tokenizer, Origin)."""
  known("dtype", dtype, DTYPES)
  folder = model_folder.located(name)
  origin = Origin(folder.resolve(), _stamps(folder))
  content = model_folder.read(folder)
  module = heads.build(content.model, content.head, dtype=dtype)
  tokenizer = Tokenizer(content.tokenizer_file)
  # A piece without a row would get the vector of another one, silently.
  if len(tokenizer) > content.model["vocab_size"]:
    raise InputError(
      f"{folder}: tokenizer.json has {len(tokenizer):,} entries, "
      f"the model {content.model['vocab_size']:,} rows."
    )
  for warning in known_models.warnings(folder, content, tokenizer):
    console.warn(warning)
  need = known_models.need_of(folder, content)
  # Of a wrong default prompt the warnings have told, and once is enough.
  if need and content.prompt in need.prompts.values():
    origin = dataclasses.replace(origin, need=need)
  return content, module, tokenizer, origin


def _stamps(folder):
  """{file: (size, time)} of what a model folder is read from."""
  stamps = {}
  for path in fingerprint.model_files(folder):
    stat = path.stat()
    stamps[path.relative_to(folder)] = (stat.st_size, stat.st_mtime_ns)
  return stamps
