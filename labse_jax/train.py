"""The one trainer: `python -m labse_jax.train --config experiments/NAME.py --workdir DIR`."""

import contextlib
import dataclasses
import functools
import os
import pathlib
import sys
import threading
import time

from absl import logging
import jax
import jax.numpy as jnp
import optax

from labse_jax.base import files
from labse_jax.base.console import is_main, note, say
from labse_jax.base.errors import run
from labse_jax.base.plugins import chosen
from labse_jax.base.sharding import (
  batch_sharding,
  cache_compilations,
  make_mesh,
  shardings,
  weight_sharding,
  whole,
)
from labse_jax.configs.command_line import load_config
from labse_jax.configs.ranges import check_ranges
from labse_jax.data.batches.streams import to_devices
from labse_jax.training import optim, row_sparse, stacking
from labse_jax.training.budget import steps_within
from labse_jax.training.checkpoint import Checkpoints
from labse_jax.training.evals import evaluate, make_evals
from labse_jax.training.metrics import Clock, Writer, finished, report
from labse_jax.training.stopper import Stopper
from labse_jax.training.warm_start import check_init, warm_start
from labse_jax.training.workdir import check_same_run, write_config


def train(config, workdir):
  """Trains what `config` says in `workdir`, from its newest checkpoint on; writes workdir/model."""
  start, workdir = time.monotonic(), pathlib.Path(workdir)
  mesh = make_mesh(config.mesh.fsdp)
  check_ranges(config, mesh)
  stages = make_stages(config, mesh)
  task = stages[0].task
  check_same_run(config, task, workdir)
  if (workdir / "model" / "modules.json").exists():
    say(f"{workdir}: this run is done; its model is {workdir / 'model'}.")
    return
  files.check_replaceable(workdir / "model", marker="modules.json")
  evals = make_evals(config.evals)
  if config.get("init") and not (workdir / "config.json").exists():
    check_init(task)  # Before anything is opened or made.
  with jax.set_mesh(mesh), Stopper() as stopper:
    batches = task.batches()
    data = iter(batches)
    checkpoints = Checkpoints(workdir / "checkpoints")
    state = checkpoints.restore(lambda step: stage_at(stages, step).abstract, data)
    key = jax.random.key(config.seed)
    if state is None:
      state = stages[0].init(key)
      state["params"] = warm_start(state["params"], task)
      total = (
        config.total_steps
        or stages[-1].span.end
        or steps_within(
          config.seconds, start, stages[0].train_step, state, iter(batches), key, mesh
        )
      )
      state["total"] = jax.device_put(jnp.int32(total), state["total"].sharding)
      write_config(config, task, workdir)
      checkpoints.save(0, state, data)  # Whenever it is killed, a run keeps its number of steps.
    else:
      say(f"{workdir}: goes on from step {int(state['step'])} of {int(state['total'])}.")
      data = task.refreshed(data, int(state["step"]), workdir)
    loop(config, workdir, stages, state, data, key, mesh, checkpoints, stopper, evals)


def loop(config, workdir, stages, state, data, key, mesh, checkpoints, stopper, evals):
  """Steps to the end: the metrics of one step are fetched while the next one runs."""
  first, total = int(state["step"]), int(state["total"])
  writer = Writer(workdir, first_step=first, total_steps=total) if is_main() else None
  sharding, previous, clock, stop = batch_sharding(mesh), None, Clock(), 0
  stage = stage_at(stages, first)
  with contextlib.ExitStack() as stack:
    stack.callback(checkpoints.close)
    if writer:
      stack.callback(writer.close)
    for step in range(first, total):
      if step == stage.span.end:
        stage = stages[stage.span.number]  # Numbers count from 1: this is the next one.
        state = stage.grow(state)
        say(f"stage {stage.span.number}: {stage.span.depth} layers from step {step:,} on.")
      if step and step % (stage.task.refresh_every or total) == 0:
        if previous:
          report(writer, config, total, previous[0], finished(*previous, clock, workdir))
          previous = None
        params = whole(stage.settle(state), mesh)
        data = stage.task.refreshed(data, step, workdir, params)
        clock.restart()
      batch = next(data)
      state, metrics = stage.train_step(state, to_devices(batch, sharding), key)
      if previous:
        report(writer, config, total, previous[0], finished(*previous, clock, workdir))
      previous = (step, metrics | stage.label, batch)
      done, stop = step + 1, stopper.asked(step)
      due = [evaluation for evaluation in evals if done % evaluation.every == 0]
      save = stop or done in (total, stage.span.end) or done % config.save_every == 0
      if due or save:
        row = finished(*previous, clock, workdir)  # What is not finite is never saved.
        row |= evaluate(due, stage, state, mesh)
        report(writer, config, total, step, row)
        previous = None
      if save:
        checkpoints.save(done, state, data)
      if due or save:
        clock.restart()
      if stop:
        break
  if stop:
    note(f"{workdir}: stopped by a signal; step {int(state['step'])} is saved.")
    sys.exit(128 + stop)
  params = whole(stage.settle(state), mesh)
  if is_main():
    stage.task.export(params, workdir / "model")
    say(f"{workdir / 'model'}: a sentence-transformers folder.")


@dataclasses.dataclass
class Stage:
  """A stretch of the run in which the model has one depth, and what is compiled for it."""

  span: stacking.Span
  task: object
  abstract: dict  # The state's shapes with their shardings.
  init: callable
  train_step: callable
  settle: callable  # From the state to the parameters as they are to be used.
  grow: callable  # From the state of the stage before.
  label: dict


def make_stages(config, mesh):
  """The stages of a run; most have one. Nothing is compiled until it is called."""
  stages, spans = [], stacking.spans(config)
  tx = optim.transformation(**config.optim)
  sparse = config.optim.to_dict() if config.get("row_sparse") else {}
  for span in spans:
    own = config.copy_and_resolve_references()
    own.model.depth = span.depth
    task = chosen("tasks", config.task).Task(own)
    if sparse:
      row_sparse.check(task, fsdp=config.mesh.fsdp, stages=config.get("stages"), **sparse)
    freeze = (*config.get("freeze", ()), *task.frozen)
    abstract, init = make_state(task, tx, mesh, sparse, freeze)
    schedule = stacking.schedule_of(config, span)
    train_step = make_train_step(task, tx, abstract, schedule, sparse, freeze)
    settle = make_settle(abstract, schedule, sparse)
    grow = functools.partial(
      stacking.grow,
      abstract=abstract,
      tx=tx,
      depth=span.depth,
      moments=config.get("stacking", {}).get("moments"),
    )
    label = {"stage": span.number} if len(spans) > 1 else {}
    stages.append(Stage(span, task, abstract, init, train_step, settle, grow, label))
  return stages


def stage_at(stages, step):
  """The stage that made the checkpoint of `step`: at a border, the one that ends there."""
  return next(s for s in stages if s.span.end is None or step <= s.span.end)


def make_state(task, tx, mesh, sparse=None, freeze=()):
  """The state's shapes with their shardings, and the function that makes it on its devices."""

  def init(key):
    params = task.init(key)
    free = optim.take_free(params, optim.frozen_rows(params, freeze))
    zero = jnp.zeros((), jnp.int32)
    state = {"params": params, "opt": tx.init(free), "step": zero, "total": zero}
    return state | ({"rows": row_sparse.init(params)} if sparse else {})

  shapes = jax.eval_shape(init, jax.random.key(0))
  abstract = jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=weight_sharding(x.shape, mesh)),
    shapes,
  )
  return abstract, jax.jit(init, out_shardings=shardings(abstract))


def rate_of(state, schedule):
  """The learning rate as a function of the step, or of an array of steps."""
  first, steps, options = schedule
  return lambda step: optim.learning_rate(step - first, steps or state["total"], **options)


def make_settle(abstract, schedule, sparse):
  """state -> its parameters, with what rows of the word table have waited for."""
  if not sparse:
    return lambda state: state["params"]

  def settle(state):
    return row_sparse.settle(state, rate_of(state, schedule), **sparse)["params"]

  return jax.jit(settle, out_shardings=shardings(abstract["params"]))


def make_train_step(task, tx, abstract, schedule, sparse=None, freeze=()):
  """state, batch, key -> state, metrics; compiled once, the old state's memory is used again.

  `sparse` is config.optim where only the batch's rows of the word table are to be written; what
  `freeze` names has no gradient and stays as it is.
  """
  if sparse:
    task = row_sparse.narrow_task(task)

  @functools.partial(jax.jit, donate_argnums=0, out_shardings=(shardings(abstract), None))
  def train_step(state, batch, key):
    before, rate_at = state, rate_of(state, schedule)
    if sparse:
      state, tokens, ids_U = row_sparse.narrow(state, batch["tokens"], rate_at, **sparse)
      batch = batch | {"tokens": tokens}
    key = jax.random.fold_in(key, state["step"])
    rows = optim.frozen_rows(state["params"], freeze)

    def with_frozen(free):
      return optim.put_free(state["params"], free, rows)

    free = optim.take_free(state["params"], rows)
    (loss, metrics), grads = jax.value_and_grad(
      lambda free: task.loss_fn(with_frozen(free), batch, key), has_aux=True
    )(free)
    updates, opt = tx.update(grads, state["opt"], free)
    rate = rate_at(state["step"])
    params = with_frozen(jax.tree.map(lambda p, u: p - rate * u, free, updates))
    metrics |= {"loss": loss, "learning_rate": rate, "grad_norm": optax.tree.norm(grads)}
    state = state | {"params": params, "opt": opt, "step": state["step"] + 1}
    return row_sparse.widen(before, state, ids_U) if sparse else state, metrics

  return train_step


def main(argv):
  config, workdir = load_config(argv)
  if os.environ.get("LABSE_DISTRIBUTED") == "1":  # launch/tpu_vm.sh starts one process a host.
    jax.distributed.initialize()
  cache_compilations()
  # Orbax hands a thread's error on to the main thread, which says it once, in one line.
  threading.excepthook = lambda _: None
  logging.set_verbosity(logging.FATAL)
  train(config, workdir)


if __name__ == "__main__":
  run(main)
