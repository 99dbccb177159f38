"""The card of a model folder: its README.md, which the Hugging Face hub shows as a page."""

import dataclasses
import math
import pathlib
import re
import typing

from labse_jax.base.errors import InputError
from labse_jax.base.types import PathLike
from labse_jax.model_folder import transformers_config
from labse_jax.model_folder.hub import located
from labse_jax.model_folder.tensor_file import Tensors
from labse_jax.model_folder.tensor_names import ROWS_INT8

if typing.TYPE_CHECKING:
  from labse_jax.model_folder import ModelFolder

NAME = "README.md"
MOST_LANGUAGES = 150  # That the head of a card lists.
_LICENSE = re.compile(r"^license:[ \t]*(['\"]?)([\w.+-]+)\1[ \t]*(?:#.*)?$", re.MULTILINE)
_HEAD = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_CODE = re.compile(r"[a-z]{2,3}")
_SIGNS = re.compile(r"[\\|<&*~$`\[\]]")
# Within a word an underscore is one to Markdown too.
_EDGES = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_CACHED = "models--"  # How the hub's cache begins the name of a model's folder.
_USE = """With sentence-transformers (`pip install sentence-transformers`):

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("path/to/this/folder")
vectors = model.encode(["A sentence.", "Ein Satz."])
```

The same in labse_jax, on a CPU, a GPU or a TPU:

"""
_USE_HERE = """```python
from labse_jax import SentenceEncoder

encoder = SentenceEncoder("path/to/this/folder")
vectors = encoder.encode(["A sentence.", "Ein Satz."])
print(encoder.similarity(vectors, vectors))
```
"""
_INT8 = "Its word table is stored as int8 rows, which only labse_jax opens.\n\n"


@dataclasses.dataclass(frozen=True)
class About:
  """What a card says of a model besides its architecture.

  `made` are sentences on how it came to be, `data` on what it learned from. `measured` are rows of
  what, result, and on which data. `base` is the model folder, or name on the hub, that it was made
  from: its licence is passed on. `languages` are codes.
  """

  made: tuple[str, ...] = ()
  data: tuple[str, ...] = ()
  measured: tuple[tuple[str, str, str], ...] = ()
  base: PathLike | None = None
  languages: tuple[str, ...] = ()


def write(folder: pathlib.Path, content: "ModelFolder", about: About) -> None:
  """Writes the card of a folder that holds the tensors of `content`."""
  text = "\n".join([*_head(about), *_body(folder, content, about)])
  # What is no UTF-8 in the name of a file becomes "?".
  (folder / NAME).write_text(text, encoding="utf-8", errors="replace")


def shown(path: PathLike) -> str:
  """A model or a dataset as a card may name it: the hub's name, or a path below this folder.

  Of any other path it is no more than the end.
  """
  path = pathlib.Path(path)
  for part in path.parts:
    if part.startswith(_CACHED):
      return part.removeprefix(_CACHED).replace("--", "/")
  names = [part for part in path.parts if part not in (path.anchor, "~", "..")]
  below = names == [*path.parts]
  return "/".join(names if below else names[-2:]) or path.resolve().name


def license_of(folder: PathLike) -> str | None:
  """The licence that the card of a model names in its head; None without one, or without a card.

  `folder` is as in `model_folder.read`.
  """
  try:
    path = located(folder) / NAME
  except InputError:  # It was there when the model was made from it.
    return None
  if not path.is_file():
    return None
  head = _HEAD.match(path.read_text(encoding="utf-8", errors="replace"))
  found = head and _LICENSE.search(head[1])
  return found[2] if found else None


def _head(about: About) -> list[str]:
  """The lines that the hub reads."""
  lines = ["---", "library_name: sentence-transformers", "pipeline_tag: sentence-similarity"]
  lines += ["tags:", "- sentence-transformers", "- feature-extraction", "- labse_jax"]
  license = license_of(about.base) if about.base else None
  if license:
    lines.append(f"license: {license}")
  codes = sorted({code.partition("-")[0] for code in about.languages})
  codes = [code for code in codes if _CODE.fullmatch(code)]
  if codes:
    lines += ["language:", *(f"- {code!r}" for code in codes[:MOST_LANGUAGES])]
  return [*lines, "---"]


def _body(folder: pathlib.Path, content: "ModelFolder", about: About) -> list[str]:
  title = transformers_config.title(content.model)
  lines = [f"# Encoder of sentences: {title}", ""]
  lines += [
    "It turns a sentence into a vector. Sentences that mean the same get similar vectors, in the "
    "languages that the model has learned.",
    "",
  ]
  lines += _table(["what", "value"], _facts(folder, content))
  made = about.made or ("labse_jax wrote this folder. It does not know how the model was made.",)
  lines += ["## How it was made", "", *_paragraphs(made)]
  data = about.data or ("labse_jax does not know what text the model learned from.",)
  lines += ["## Data", "", *_paragraphs(data)]
  lines += ["## How to use it", "", _INT8 + _USE_HERE if _is_int8(content) else _USE + _USE_HERE]
  lines += ["## What was measured", ""]
  if about.measured:
    lines += _table(["what", "result", "on"], about.measured)
  else:
    lines += ["Nothing, when this folder was written.", ""]
  return lines


def _facts(folder, content):
  model = content.model
  tensors = Tensors(folder)
  parameters = 0
  for name, place in tensors.places.items():
    if not name.endswith(ROWS_INT8[1]):  # Scales of rows are how parameters are stored.
      parameters += math.prod(place.shape)
  pooling = content.head["pooling"]
  dense = content.head.get("dense")
  head = [f"{pooling} pooling", *([f"a dense layer of {dense}"] if dense else [])]
  head += ["normalised to length 1"] if content.head.get("normalize", True) else []
  facts = [
    ("architecture", transformers_config.title(model)),
    ("layers", f"{model['depth']} of width {model['width']}, {model['heads']} heads"),
    ("parameters", f"{parameters:,}, stored as {content.dtype}"),
    ("word pieces", f"{model['vocab_size']:,}"),
    ("longest text", f"{content.max_length} tokens; longer ones are cut"),
    ("vector", f"{content.vector_width} dimensions: {', '.join(head)}"),
    ("similarity", content.similarity),
  ]
  for name, prompt in content.prompts.items():
    default = ", put before each text by default" if name == content.default_prompt else ""
    facts.append((f"prompt {name!r}", f"{prompt!r}{default}"))
  return facts


def _is_int8(content):
  return content.dtype == "int8_rows"


def _table(head, rows):
  lines = [_row(head), _row(["---"] * len(head))]
  return [*lines, *map(_row, rows), ""]


def _row(cells):
  return f"| {' | '.join(map(_plain, cells))} |"


def _paragraphs(sentences):
  return [*map(_plain, sentences), ""]


def _plain(text):
  """Text that neither ends a cell of a table nor begins anything of Markdown's or HTML's."""
  words = " ".join(str(text).split())
  return _EDGES.sub(r"\\_", _SIGNS.sub(r"\\\g<0>", words))
