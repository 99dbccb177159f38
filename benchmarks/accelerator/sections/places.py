"""Where the kit finds what was packed, where it writes, and whether it runs in its small form."""

import os
import pathlib
import time

KIT = pathlib.Path(__file__).resolve().parents[1]
WORK = pathlib.Path(os.environ.get("WORK", "runs/accelerator"))
OUT = pathlib.Path(os.environ.get("OUT", WORK / "out"))
SMALL = os.environ.get("KIT_SMALL", "") not in ("", "0")


def seconds_left() -> float:
  """What is left of the budget of kit.sh; without one, as much as any section wants."""
  deadline = os.environ.get("DEADLINE")
  return float(deadline) - time.time() if deadline else float("inf")
