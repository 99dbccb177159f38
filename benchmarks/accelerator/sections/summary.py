"""Everything that was measured, a line each."""

import json

from sections.places import OUT
from sections.results import Results, read

WIDEST = 150  # Characters of a value.


def run(results: Results) -> None:
  for section, values in read(OUT / "results.json").items():
    for name, value in values.items():
      print(f"{section:9s} {name:34s} {json.dumps(value)[:WIDEST]}")
