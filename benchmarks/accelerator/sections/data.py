"""The dataset is written, and the input pipeline alone makes batches of it as fast as it can."""

import os
import time

from sections import packed
from sections.measure import seconds_of
from sections.places import SMALL, WORK
from sections.results import Results
from sections.training_steps import config_of, stage_of

SECONDS = 2 if SMALL else 12
ROWS = 32 if SMALL else 512
LENGTH = 64


def run(results: Results) -> None:
  written = []
  seconds = seconds_of(lambda: written.append(packed.write_dataset(WORK / "data", packed.PAIRS)))
  results.note("pairs", written[0])
  results.note("write_seconds", seconds)
  measure_batches(results)


def measure_batches(results: Results) -> None:
  """Pairs a second, and how many cores that took."""
  batches = iter(stage_of(config_of(ROWS, LENGTH)).task.batches())
  next(batches)  # The first one waits for the threads to start.
  count = 0
  start = time.perf_counter()
  cpu_start = time.process_time()
  while time.perf_counter() - start < SECONDS:
    count += int(next(batches)["mask"].sum())
  seconds = time.perf_counter() - start
  results.note("pairs_per_second", count / seconds)
  results.note("cores_used", (time.process_time() - cpu_start) / seconds)
  results.note("cores", os.cpu_count())
