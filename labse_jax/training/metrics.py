"""One JSON object a step in metrics.jsonl, TensorBoard beside it, and a line for the person."""

from collections.abc import Callable, Mapping
import contextlib
import functools
import json
import pathlib
from typing import NamedTuple

import jax
import numpy as np
from tqdm import tqdm

from labse_jax.base import files
from labse_jax.base.console import is_main, note, progress, warn
from labse_jax.base.types import PathLike
from labse_jax.training import monitors
from labse_jax.training.budget import Pace, in_words
from labse_jax.training.speed.meter import Meter

SHOWN = (
  "stage",
  "loss",
  "in_batch_accuracy",
  "masked_accuracy",
  "sentences_per_second",
  "negatives",
)
# The bar's own time left is not in it: it knows of no stages, and ours stands behind it.
BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}, {rate_fmt}{postfix}]"


class Writer:
  """Writes the metrics of one run; steps at or after `first_step` of an earlier try are cut."""

  def __init__(self, workdir: PathLike, *, first_step: int, total_steps: int) -> None:
    self.path = pathlib.Path(workdir) / "metrics.jsonl"
    self.path.parent.mkdir(parents=True, exist_ok=True)
    self._cut_back(first_step)
    self.file = open(self.path, "a", encoding="utf-8")  # noqa: SIM115
    self.total_steps = total_steps
    self.board = _tensorboard(workdir)
    self.first_step = first_step

  @functools.cached_property
  def bar(self) -> tqdm:
    """The progress bar; drawn with the first step that is done, after lines about compiling."""
    bar = progress(unit="steps", total=self.total_steps, initial=self.first_step)
    bar.bar_format = BAR
    return bar

  def write(self, step: int, metrics: Mapping[str, float]) -> None:
    """Adds one object {"step": step, ...} of plain numbers."""
    self.file.write(json.dumps({"step": step, **metrics}) + "\n")
    self.file.flush()
    for name, value in metrics.items():
      if self.board and isinstance(value, int | float):
        self.board.add_scalar(name, value, step)

  def show(self, step: int, metrics: Mapping[str, float], left: float | None = None) -> None:
    """Says how it goes: the progress bar on a terminal, plain lines elsewhere.

    `left` are about the seconds that the run still takes.
    """
    words = [f"{name} {_short(value)}" for name, value in metrics.items()]
    if left is not None:
      words.append(f"about {in_words(left)} left")
    self.bar.set_postfix_str(", ".join(words))
    if self.bar.disable:
      print(f"step {step}/{self.total_steps}: {', '.join(words)}", flush=True)

  def close(self) -> None:
    if "bar" in vars(self):  # One that was never drawn is not drawn now.
      self.bar.close()
    self.file.close()
    if self.board:
      self.board.close()

  def _cut_back(self, first_step):
    """A step stands in the file once: what a lost stretch wrote goes before it is run again."""
    if not self.path.exists():
      return
    kept = []
    for line in self.path.read_bytes().splitlines(keepends=True):
      try:
        if json.loads(line)["step"] < first_step:
          kept.append(line.rstrip(b"\n") + b"\n")
      except (ValueError, KeyError, TypeError):  # The last line of a killed run may be torn.
        continue
    with files.replacing(self.path, "wb") as file:
      file.writelines(kept)


def _short(value):
  return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _tensorboard(workdir):
  try:
    from tensorboardX import SummaryWriter
  except ImportError:
    return None
  return SummaryWriter(str(pathlib.Path(workdir) / "tensorboard"))


class Held(NamedTuple):
  """A step whose metrics are still on their way from the devices."""

  step: int
  metrics: Mapping[str, jax.Array | float]
  batch: Mapping[str, np.ndarray]
  flops: float | None


class StepLog:
  """The metrics of a run's steps: fetched while the next step runs, written, and shown.

  `hold` takes what a step returned, still on its way; `flush` fetches and reports it. Only the
  first host writes and shows. Of the steps every `every`-th is reported, the last one, and those
  with evaluations. left(steps done), where it is given, are the seconds that the others take as
  planned; the steps of `stages` stages are timed as they come (see Pace). `peak` is what the
  devices could compute together, in FLOP/s, where it is known.
  """

  def __init__(
    self,
    workdir: pathlib.Path,
    *,
    first: int,
    total: int,
    every: int,
    left: Callable[[int], float] | None = None,
    stages: int = 1,
    peak: float | None = None,
  ) -> None:
    self.workdir = workdir
    self.total = total
    self.every = every
    self.pace = Pace(stages, left)
    self.writer = Writer(workdir, first_step=first, total_steps=total) if is_main() else None
    self.meter = Meter(peak)
    self.held: Held | None = None

  def restart_clock(self) -> None:
    """Leaves what was done beside training out of the next step's speed."""
    self.meter.restart()

  def waiting(self) -> contextlib.AbstractContextManager[None]:
    """What stands inside is waiting for input, while the devices may be at work on what is held."""
    return self.meter.waiting(self._busy)

  def _busy(self):
    if self.held is None:
      return False
    arrays = [value for value in self.held.metrics.values() if isinstance(value, jax.Array)]
    return not all(array.is_ready() for array in arrays)  # type: ignore[attr-defined]

  def hold(
    self,
    step: int,
    metrics: Mapping[str, jax.Array | float],
    batch: Mapping[str, np.ndarray],
    flops: float | None = None,
  ) -> None:
    """Keeps a step's metrics without waiting for them; its batch is for the error message.

    `flops` is the step's useful arithmetic, where it is known.
    """
    self.held = Held(step, metrics, batch, flops)

  def flush(self) -> None:
    """Reports the step that is held, if one is."""
    if self.held:
      step = self.held.step
      self.report(step, self.fetch())

  def fetch(self) -> dict[str, float]:
    """The metrics that are held, on the host, with the step's speeds.

    Raises FloatingPointError where the loss or the gradient is not finite; the batch is kept.
    """
    assert self.held is not None, "a step is held"
    step, on_devices, batch, flops = self.held
    self.held = None
    fetched = jax.device_get(on_devices)
    metrics = {name: np.asarray(value).item() for name, value in fetched.items()}
    if not np.isfinite(metrics["loss"] + metrics["grad_norm"]):
      path = self.workdir / f"not_finite_{step}_host_{jax.process_index()}.npz"
      with files.replacing(path, "wb") as file:
        np.savez(file, **batch)  # type: ignore[arg-type]  # No array is called allow_pickle.
      raise FloatingPointError(
        f"step {step}: loss {metrics['loss']}, gradient norm {metrics['grad_norm']}; its batch is "
        f"{path}. The checkpoints from before it are kept."
      )
    # A mean over nothing is not finite: the batch had none of that kind.
    metrics = {name: value for name, value in metrics.items() if np.isfinite(value)}
    seconds, rates = self.meter.lap(metrics, flops)
    self.pace.add(seconds, metrics.get("stage", 1))
    return metrics | rates

  def report(self, step: int, metrics: Mapping[str, float]) -> None:
    """Writes and shows a step's metrics where they are due."""
    if self.writer is None:
      return
    evaluated = [name for name in metrics if "/" in name]
    if step % self.every == 0 or step + 1 == self.total or evaluated:
      self.writer.write(step, metrics)
      averages = [name for name in evaluated if name.endswith("/accuracy")]
      shown = {name: metrics[name] for name in (*SHOWN, *averages) if name in metrics}
      self.writer.show(step, shown, self.pace.left(step + 1, self.total))
      warning = monitors.warning(metrics, step, self.total)
      if warning:
        warn(warning)
    words = self.pace.first_words(step + 1, self.total)
    if words:
      note(words)
    self.writer.bar.update(1)

  def close(self) -> None:
    """Closes the files."""
    if self.writer:
      self.writer.close()
