"""One JSON object a step in metrics.jsonl, TensorBoard beside it, and a line for the person."""

import json
import pathlib
import sys
import time

import jax
import numpy as np
from tqdm import tqdm

from labse_jax.base import files
from labse_jax.base.console import warn
from labse_jax.training import monitors


class Writer:
  """Writes the metrics of one run; steps at or after `first_step` of an earlier try are cut."""

  def __init__(self, workdir, *, first_step, total_steps):
    self.path = pathlib.Path(workdir) / "metrics.jsonl"
    self.path.parent.mkdir(parents=True, exist_ok=True)
    self._cut_back(first_step)
    self.file = open(self.path, "a", encoding="utf-8")  # noqa: SIM115
    self.total_steps, self.board = total_steps, _tensorboard(workdir)
    self.bar = tqdm(
      total=total_steps,
      initial=first_step,
      unit=" steps",
      dynamic_ncols=True,
      disable=not sys.stderr.isatty(),
    )

  def write(self, step, metrics):
    """Adds one object {"step": step, ...} of plain numbers."""
    self.file.write(json.dumps({"step": step, **metrics}) + "\n")
    self.file.flush()
    for name, value in metrics.items():
      if self.board and isinstance(value, int | float):
        self.board.add_scalar(name, value, step)

  def show(self, step, metrics):
    """Says how it goes: the progress bar on a terminal, plain lines elsewhere."""
    words = [f"{name} {_short(value)}" for name, value in metrics.items()]
    self.bar.set_postfix_str(", ".join(words))
    if self.bar.disable:
      print(f"step {step}/{self.total_steps}: {', '.join(words)}", flush=True)

  def close(self):
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
      except ValueError:  # The last line of a killed run may be torn.
        continue
    with files.replacing(self.path, "wb") as file:
      file.writelines(kept)


class Clock:
  """Sentences and tokens (padding not counted) a second since the last step."""

  def __init__(self):
    self.restart()

  def restart(self):
    self.last = time.monotonic()

  def speeds(self, metrics):
    """Rates of the step that just ended, of a step's `tokens` and, where it has them, `pairs`."""
    seconds = time.monotonic() - self.last
    self.restart()
    rates = {"tokens_per_second": metrics["tokens"] / seconds}
    if "pairs" in metrics:
      rates["sentences_per_second"] = 2 * metrics["pairs"] / seconds
    return rates


def _short(value):
  return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _tensorboard(workdir):
  try:
    from tensorboardX import SummaryWriter
  except ImportError:
    return None
  return SummaryWriter(str(pathlib.Path(workdir) / "tensorboard"))


def finished(step, metrics, batch, clock, workdir):
  """A step's metrics on the host, with its speeds; raises on what is not finite."""
  metrics = {name: np.asarray(value).item() for name, value in jax.device_get(metrics).items()}
  if not np.isfinite(metrics["loss"] + metrics["grad_norm"]):
    path = workdir / f"not_finite_{step}_host_{jax.process_index()}.npz"
    with files.replacing(path, "wb") as file:
      np.savez(file, **batch)
    raise FloatingPointError(
      f"step {step}: loss {metrics['loss']}, gradient norm {metrics['grad_norm']}; its batch is "
      f"{path}. The checkpoints from before it are kept."
    )
  # Of a kind of which the batch had nothing there is no mean.
  metrics = {name: value for name, value in metrics.items() if np.isfinite(value)}
  return metrics | clock.speeds(metrics)


def report(writer, config, total, step, metrics):
  """Writes and shows a step's metrics, on the first host; evaluations and the last one always."""
  if writer is None:
    return
  evaluated = [name for name in metrics if "/" in name]
  if step % config.log_every == 0 or step + 1 == total or evaluated:
    writer.write(step, metrics)
    shown = (
      "stage",
      "loss",
      "in_batch_accuracy",
      "masked_accuracy",
      "sentences_per_second",
      "negatives",
    )
    averages = [name for name in evaluated if name.endswith("/accuracy")]
    writer.show(step, {name: metrics[name] for name in (*shown, *averages) if name in metrics})
    if warning := monitors.warning(metrics, step, total):
      warn(warning)
  writer.bar.update(1)
