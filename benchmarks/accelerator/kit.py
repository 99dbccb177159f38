"""Runs one section of the kit in a process of its own; kit.sh calls it.

python kit.py SECTION | python kit.py installed

A section is a module of sections/ with `run(results)`. The status is 1 where a measurement failed,
and with `installed` where a package of wheels.txt is missing.
"""

import importlib
import importlib.metadata
import pathlib
import sys

SECTIONS = (
  "ceilings",
  "data",
  "train",
  "layers",
  "parity",
  "smoke",
  "encode",
  "search",
  "pairs",
  "quality",
  "summary",
)


def main(argv: list[str]) -> int:
  name = argv[0] if len(argv) == 1 else None
  if name == "installed":
    return int(any_missing())
  if name not in SECTIONS:
    print(f"Got {argv}; one section is needed, of {list(SECTIONS)}.", file=sys.stderr)
    return 2
  return run_section(name)


def run_section(name: str) -> int:
  from sections import places
  from sections.results import Results

  places.WORK.mkdir(parents=True, exist_ok=True)
  places.OUT.mkdir(parents=True, exist_ok=True)
  results = Results(places.OUT / "results.json", name)
  importlib.import_module(f"sections.{name}").run(results)
  for failure in results.failures:
    print(f"{name}: failed: {failure}", file=sys.stderr)
  return int(bool(results.failures))


def any_missing() -> bool:
  """Whether a package of wheels.txt is missing here; says which."""
  names = [name for name in packed_names() if not is_installed(name)]
  if names:
    print(f"missing: {', '.join(names)}")
  return bool(names)


def packed_names() -> list[str]:
  text = (pathlib.Path(__file__).parent / "wheels.txt").read_text("utf-8")
  return [line.partition("==")[0] for line in text.splitlines() if "==" in line]


def is_installed(name: str) -> bool:
  try:
    importlib.metadata.version(name)
  except importlib.metadata.PackageNotFoundError:
    return False
  return True


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
