"""results.json: what each section measured."""

from collections.abc import Iterator
import contextlib
import json
import pathlib
import traceback
from typing import Any

LONGEST_ERROR = 300  # Characters; some of XLA's fill pages.


class Results:
  """One section's part of results.json, which is written anew at each note.

  Whatever ends a section, what it has measured until then stays.
  """

  def __init__(self, path: pathlib.Path, section: str):
    self.path = path
    self.section = section
    self.failures = []

  def note(self, name: str, value: Any) -> None:
    """Adds one value, or a dict of values, and prints it."""
    content = read(self.path)
    content.setdefault(self.section, {})[name] = value
    self.path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    print(f"{self.section}: {name}: {json.dumps(value)}", flush=True)

  def fail(self, name: str, reason: str) -> None:
    """Notes that something went wrong; the section then ends with status 1."""
    self.failures.append(name)
    self.note(f"{name} error", reason[:LONGEST_ERROR])

  @contextlib.contextmanager
  def attempt(self, name: str) -> Iterator[None]:
    """Notes an error of the block and goes on, so that one does not cost all that follow."""
    try:
      yield
    except Exception as error:
      traceback.print_exc()
      self.fail(name, f"{type(error).__name__}: {error}")


def read(path: pathlib.Path) -> dict:
  """{section: {name: value}}; empty before the first note."""
  return json.loads(path.read_text("utf-8")) if path.exists() else {}
