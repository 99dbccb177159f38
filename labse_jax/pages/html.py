"""HTML pages from the templates beside this module: a page is one file that needs nothing else.

Every text is escaped, and no template marks one as safe.
"""

import base64
from collections.abc import Sequence
import pathlib
from typing import NamedTuple

import jinja2

from labse_jax.data.language_names import named

FOLDER = pathlib.Path(__file__).parent


class Table(NamedTuple):
  """A table of plain texts; `total` is its last row, where it has one."""

  head: Sequence[str]
  rows: Sequence[Sequence[str]]
  total: Sequence[str] = ()


def render(template: str, **values: object) -> str:
  """The text of a page; raises jinja2.UndefinedError where the template needs another value."""
  return TEMPLATES.get_template(template).render(values)


def data_url(png: bytes) -> str:
  """An image within the page itself."""
  return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def thousands(number: int) -> str:
  """1234 -> "1,234"."""
  return f"{number:,}"


def _environment() -> jinja2.Environment:
  environment = jinja2.Environment(
    # style.css stands beside the templates' folder, and is no template of a page.
    loader=jinja2.FileSystemLoader([FOLDER / "templates", FOLDER]),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
  )
  environment.filters |= {"data_url": data_url, "named": named, "thousands": thousands}
  return environment


TEMPLATES = _environment()
