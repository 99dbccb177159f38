"""The one trainer: `python -m labse_jax.train --config experiments/NAME.py --workdir DIR`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
import dataclasses
import functools
import os
import pathlib
import sys
import threading
import time

from absl import logging
import grain
import jax
import jax.numpy as jnp
import optax

from labse_jax.base import files
from labse_jax.base.console import is_main, note, say
from labse_jax.base.errors import run as run_command
from labse_jax.base.plugins import part
from labse_jax.base.sharding import (
  batch_sharding,
  cache_compilations,
  first_device,
  make_mesh,
  shardings,
  whole,
)
from labse_jax.base.types import Config, PathLike
from labse_jax.configs.command_line import load_config
from labse_jax.configs.machine_rows import settle_rows
from labse_jax.configs.machine_step import settle_step
from labse_jax.configs.ranges import check_ranges
from labse_jax.data.batches.streams import to_devices
from labse_jax.pages import model_card
from labse_jax.planning.chips import compiler_options
from labse_jax.training import optim, stacking
from labse_jax.training.budget import Plan, expected, length_in_words, steps_within, time_left
from labse_jax.training.checkpoint import Checkpoints
from labse_jax.training.encoder_task import EncoderTask
from labse_jax.training.evals import Evaluation, evaluate, make_evals
from labse_jax.training.metrics import StepLog
from labse_jax.training.optim import State
from labse_jax.training.optimizers import Dense, make_state, optimizer_of
from labse_jax.training.speed.arithmetic import peak_of, say_parameters
from labse_jax.training.speed.trace import Trace
from labse_jax.training.stage import Stage, stage_at
from labse_jax.training.stopper import Stopper
from labse_jax.training.warm_start import check_init, warm_start
from labse_jax.training.workdir import (
  alone,
  check_same_run,
  record_plan,
  recorded_config,
  recorded_plan,
  write_config,
)

DESCRIPTION = """Trains what an experiment says. Everything goes to the workdir: checkpoints/,
metrics.jsonl, config.json, and model/ in the end. The same command again goes on from the newest
checkpoint. The experiment's docstring says what may stand after the colon; `runlocal` is a small
form that any laptop runs.

  labse-jax train --config experiments/quickstart.py:runlocal --workdir runs/try"""
EPILOG = """JAX's own settings apply: JAX_PLATFORMS=cpu, and
XLA_FLAGS=--xla_force_host_platform_device_count=8 for eight simulated devices."""


@dataclasses.dataclass
class Run:
  """What stays the same from the first step of a run to its last."""

  config: Config
  workdir: pathlib.Path
  mesh: jax.sharding.Mesh
  stages: list[Stage]
  evals: list[Evaluation]
  checkpoints: Checkpoints
  stopper: Stopper


def train(config: Config, workdir: PathLike) -> None:
  """Trains what `config` says in `workdir`, from its newest checkpoint on; writes workdir/model.

  The order in which a run starts matters:

  1. What can be refused is refused while nothing is opened or made: numbers out of range, a
     workdir that holds another run or a person's files, a folder to start from that does not fit.
     First of all a workdir that another process is at work in.
  2. The dataset and the vocabulary are opened.
  3. The newest checkpoint that can be read gives the state, and the place in the data. Without
     one the run begins: see `begin`.
  4. The loop runs from that step to the last one.
  5. The model folder is written.
  """
  started = time.monotonic()
  workdir = pathlib.Path(workdir)
  with alone(workdir):
    train_alone(config, workdir, started)


def train_alone(config: Config, workdir: pathlib.Path, started: float) -> None:
  """`train`, in a workdir that is this run's alone; `started` is when it began."""
  mesh = make_mesh(config.mesh.fsdp)
  config = settle_rows(config, mesh, recorded_config(workdir))
  check_ranges(config, mesh)
  config = settle_step(config, mesh)
  stages = make_stages(config, mesh)
  task = stages[0].task
  check_same_run(config, task, workdir)
  if (workdir / "model" / "modules.json").exists():
    say(f"{workdir}: this run is done; its model is {workdir / 'model'}.")
    return
  files.check_replaceable(workdir / "model", marker="modules.json")
  evals = make_evals(config.evals)
  if config.get("init") and not (workdir / "config.json").exists():
    check_init(task)

  planned, _ = recorded_plan(workdir)
  length = f"{planned:,} steps" if planned else length_in_words(config)
  say(f"{workdir}: a run of {length}. Opening the data and the vocabulary.")
  with jax.set_mesh(mesh):
    batches = task.batches()
    data = iter(batches)
    checkpoints = Checkpoints(workdir / "checkpoints")
    run = Run(config, workdir, mesh, stages, evals, checkpoints, Stopper())
    if planned is not None:
      say("reading the newest checkpoint.")
    state = checkpoints.restore(lambda step: stage_at(stages, step, planned).abstract, data)
    key = jax.random.key(config.seed)
    if state is None:
      state = begin(run, batches, data, key, started)
    else:
      step = int(state["step"])
      say(f"{workdir}: goes on from step {step} of {int(state['total'])}.")
      # Mined negatives are no part of the checkpoint: they lie in the workdir.
      data = task.refreshed(data, step, workdir)
    say_parameters(state["params"])
    # Before the first step there is nothing to save: a signal ends the process at once there.
    with run.stopper:
      state = loop(run, state, data, key)
      export(run, state)


def begin(
  run: Run,
  batches: grain.IterDataset,
  data: grain.DatasetIterator,
  key: jax.Array,
  started: float,
) -> State:
  """The state before the first step, saved as the first checkpoint.

  Fresh weights come first, then those of config.init in their place. The number of steps is fixed
  now, and by timing where the config gives seconds: with it in the checkpoint, a run that is
  killed keeps its schedule and its end.
  """
  stage = run.stages[0]
  say("making the weights and the state of the optimiser.")
  state = stage.init(key)
  state["params"] = warm_start(state["params"], stage.task)
  total = run.config.total_steps
  seconds: list[float] = []
  if run.config.seconds:
    # Closed, so that its thread does not read on beside that of the run.
    with contextlib.closing(iter(batches)) as trial_data:
      total, seconds = steps_in_time(run, state, trial_data, key, started)
    if run.config.get("expected"):
      accuracy = expected(run.config.expected, total)
      say(f"Runs of so many steps found {accuracy} of the held-out translations; more is better.")
  elif not total:
    total = run.stages[-1].span.finish
  state["total"] = jax.device_put(jnp.int32(total), state["total"].sharding)
  # Only now has all of the config proved itself.
  record_plan(run.workdir, total, seconds)
  write_config(run.config, stage.task, run.workdir)
  run.checkpoints.save(0, state, data)
  return state


def steps_in_time(
  run: Run,
  state: State,
  data: grain.DatasetIterator,
  key: jax.Array,
  started: float,
) -> Plan:
  """The Plan for the seconds of the config: some steps of each stage are timed."""

  def trials() -> Iterator[tuple[float, Callable[[], None]]]:
    for stage in run.stages:
      share = (stage.span.finish - stage.span.begin) / stacking.PARTS
      # Only the shapes of the state matter to the time that a step takes.
      first = stage is run.stages[0]
      own = jax.tree.map(jnp.copy, state) if first else stage.init(key)
      step = stage.trial(own, data, key, run.mesh)
      del own  # The steps give it up, each for the next one's.
      yield share, step
      del step

  return steps_within(run.config.seconds, started, trials())


def loop(run: Run, state: State, data: grain.DatasetIterator, key: jax.Array) -> State:
  """Steps to the end and returns the last state; a signal before the last step ends the process."""
  first = int(state["step"])
  total = int(state["total"])
  stage = stage_at(run.stages, first, total)
  end = stage.span.end(total)
  sharding = batch_sharding(run.mesh)
  stop = 0
  _, seconds = recorded_plan(run.workdir)
  peak = peak_of(list(run.mesh.devices.flat))
  left = time_left([stage.span for stage in run.stages], seconds, total)
  log = StepLog(
    run.workdir,
    first=first,
    total=total,
    every=run.config.log_every,
    left=left,
    stages=len(run.stages),
    peak=peak,
  )
  trace = Trace(run.config.get("profile", 0), run.workdir)
  with contextlib.closing(run.checkpoints), contextlib.closing(log), contextlib.closing(trace):
    for step in range(first, total):
      # In a very short run a stage may have no step.
      while step == end:
        stage = run.stages[stage.span.number]  # Numbers count from 1: this is the next one.
        end = stage.span.end(total)
        state = stage.grow(state)
        say(f"stage {stage.span.number}: {stage.span.depth} layers from step {step:,} on.")

      # Negatives are mined anew by what the run has learned so far.
      refresh_every = stage.task.refresh_every
      if step and refresh_every and step % refresh_every == 0:
        log.flush()
        params = whole(stage.settle(state), run.mesh)
        data = stage.task.refreshed(data, step, run.workdir, params)
        log.restart_clock()

      with log.waiting():
        batch = next(data)
        on_devices = to_devices(batch, sharding)
      with trace.step(step):
        state, metrics = stage.step(state, on_devices, key)
      # The devices are at work on this step: time to fetch the metrics of the one before.
      log.flush()
      log.hold(step, {**metrics, **stage.facts()}, batch, stage.flops if peak else None)
      # Only now: to end a trace takes a while, which would count for the step before this one.
      trace.after(metrics)

      done = step + 1
      stop = run.stopper.asked(step)
      # The last step is evaluated whatever `every` says: it is the model that is kept.
      due = [
        evaluation for evaluation in run.evals if done % evaluation.every == 0 or done == total
      ]
      save = stop or done in (total, end) or done % run.config.save_every == 0
      if due or save:
        # First the metrics: they raise where something is not finite, which is never saved.
        row = log.fetch()
        log.report(step, row | evaluate(due, stage, state, run.mesh))
        if save:
          run.checkpoints.save(done, state, data)
        log.restart_clock()
      if stop:
        break
  # After the last step only the model is missing, and it is written.
  if stop and done < total:
    note(f"{run.workdir}: stopped by a signal; step {int(state['step'])} is saved.")
    sys.exit(128 + stop)
  return state


def export(run: Run, state: State) -> None:
  """Writes the model folder, on the first host."""
  stage = run.stages[-1]
  params = whole(stage.settle(state), run.mesh)
  if is_main():
    folder = run.workdir / "model"
    steps = int(state["step"])
    about = model_card.about(run.config, stage.task.datasets(), run.workdir, steps)
    stage.task.export(params, folder, about)
    say(f"{folder}: a sentence-transformers folder.")


def make_stages(config: Config, mesh: jax.sharding.Mesh) -> list[Stage]:
  """The stages of a run; most have one. Nothing is compiled until it is called."""
  config = settle_step(config, mesh)  # What `train` has settled stays.
  spans = stacking.spans(config)
  return [make_stage(config, mesh, span, several=len(spans) > 1) for span in spans]


def make_stage(
  config: Config,
  mesh: jax.sharding.Mesh,
  span: stacking.Span,
  *,
  several: bool,
) -> Stage:
  """One stage: the config's task at the depth of `span`, and its compiled functions."""
  own = config.copy_and_resolve_references()
  own.model.depth = span.depth
  task = part("tasks", config.task, "Task")(own)
  optimizer = optimizer_of(config)
  optimizer.check(task, config)
  freeze = (*config.get("freeze", ()), *task.other_models)
  abstract, init = make_state(task, optimizer, mesh, freeze)
  schedule = stacking.schedule_of(config, span)
  grow = functools.partial(
    stacking.grow,
    abstract=abstract,
    tx=optimizer.tx,
    depth=span.depth,
    moments=config.get("stacking", {}).get("moments"),
    # Another key than that of the first stage, whose weights it would give again.
    fresh=lambda: init(jax.random.key(config.seed + span.number))["params"],
  )
  return Stage(
    span=span,
    task=task,
    abstract=abstract,
    init=init,
    train_step=make_train_step(
      task, optimizer, abstract, schedule, freeze, options=compiler_options(first_device(mesh))
    ),
    settle=optimizer.make_settle(abstract, lambda state: optim.rate_of(state, schedule)),
    grow=grow,
    label={"stage": span.number} if several else {},
    mesh=mesh,
  )


def make_train_step(
  task: EncoderTask,
  optimizer: Dense,
  abstract: State,
  schedule: stacking.Schedule,
  freeze: Sequence[str] = (),
  options: Mapping[str, str] | None = None,
) -> jax.stages.Wrapped:
  """state, batch, key -> state, metrics; compiled once, the old state's memory is used again.

  What `freeze` names has no gradient and stays as it is. `options` are the compiler's.
  """
  task = optimizer.narrow_task(task)

  @functools.partial(
    jax.jit,
    donate_argnums=0,
    out_shardings=(shardings(abstract), None),
    compiler_options=dict(options or {}),
  )
  def train_step(state, batch, key):
    before = state
    rate_at = optim.rate_of(state, schedule)
    state, batch, rows = optimizer.narrow(state, batch, rate_at)
    batch = batch | {"step": state["step"]}
    key = jax.random.fold_in(key, state["step"])

    frozen = optim.frozen_rows(state["params"], freeze)
    free = optim.take_free(state["params"], frozen)

    def loss_of(free):
      return task.loss_fn(optim.put_free(state["params"], free, frozen), batch, key)

    (loss, metrics), grads = jax.value_and_grad(loss_of, has_aux=True)(free)
    updates, opt = optimizer.tx.update(grads, state["opt"], free)
    rate = rate_at(state["step"])
    free = jax.tree.map(lambda p, u: p - rate * u, free, updates)
    params = optim.put_free(state["params"], free, frozen)

    metrics |= {"loss": loss, "learning_rate": rate, "grad_norm": optax.tree.norm(grads)}
    state = state | {"params": params, "opt": opt, "step": state["step"] + 1}
    return optimizer.widen(before, state, rows), metrics

  return train_step


def main(argv: Sequence[str]) -> None:
  config, workdir = load_config(argv, DESCRIPTION, EPILOG)
  if os.environ.get("LABSE_DISTRIBUTED") == "1":  # launch/tpu_vm.sh starts one process a host.
    jax.distributed.initialize()
  cache_compilations()
  threading.excepthook = leave_to_main_thread
  logging.set_verbosity(logging.FATAL)
  train(config, workdir)


def leave_to_main_thread(_: threading.ExceptHookArgs) -> None:
  """Says nothing: Orbax hands a thread's error on to the main thread, which says it in one line."""


if __name__ == "__main__":
  run_command(main)
