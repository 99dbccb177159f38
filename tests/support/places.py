"""Where this repository lies, and the data that may lie beside it."""

import pathlib

ROOT = pathlib.Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
TATOEBA = SHARED / "data" / "tatoeba"
