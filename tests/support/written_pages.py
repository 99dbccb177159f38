"""What the Markdown pages of this repository hold: commands, blocks of Python, links."""

import re
import shlex

from tests.support.places import ROOT

FOLDERS = ("docs", "launch", "results", "benchmarks/accelerator")
PAGES = sorted(
  [*ROOT.glob("*.md"), *(page for name in FOLDERS for page in ROOT.glob(f"{name}/*.md"))]
)
PYTHON = r"(?:bash launch/local\.sh|(?:\.venv/bin/)?python3?) -m labse_jax\."
COMMAND = re.compile(rf"^(?:(?:\.venv/bin/)?labse-jax |{PYTHON})")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def name(page):
  """A page as its path within the repository."""
  return str(page.relative_to(ROOT))


def commands(page):
  """The words of each `labse-jax VERB ...` in the blocks of code of a page: [verb, flags...]."""
  found = []
  for line in _joined(_code(page.read_text("utf-8"))):
    if COMMAND.match(line):
      words = shlex.split(COMMAND.sub("", line), comments=True)
      if not words[0].startswith("-") and words[0].islower():
        found.append(words)
  return found


def _code(text):
  """The lines in blocks of code that are no Python, without their indentation."""
  fenced = False
  python = False
  for line in text.splitlines():
    if line.lstrip().startswith("```"):
      fenced = not fenced
      python = fenced and line.strip() == "```python"
    elif (fenced and not python) or (not fenced and line.startswith("    ")):
      yield line.strip().removeprefix("$ ")


def _joined(lines):
  """The lines, each with those that go on behind its backslash."""
  begun = ""
  for line in lines:
    begun += line
    if begun.endswith("\\"):
      begun = begun[:-1]
      continue
    yield begun
    begun = ""


def python_blocks(page):
  """The blocks of Python of a page, in their order."""
  return re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)


def links(page):
  """The targets of a page's links within this repository, as (path or "", anchor or "")."""
  for target in LINK.findall(page.read_text("utf-8")):
    if not re.match(r"[a-z]+:", target):
      path, _, anchor = target.partition("#")
      yield path, anchor


def anchors(page):
  """The anchors of a page's headings, as GitHub makes them."""
  headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.M)
  return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
