"""The one trainer: `python -m labse_jax.train --config experiments/NAME.py --workdir DIR`."""

import functools
import importlib
import json
import os
import pathlib
import statistics
import sys
import time

import jax
from jax.experimental import multihost_utils
import jax.numpy as jnp
import numpy as np
import optax

from labse_jax import files, optim
from labse_jax.checkpoint import Checkpoints
from labse_jax.data.pipeline import to_devices
from labse_jax.errors import InputError, known, run
from labse_jax.flags import load_config
from labse_jax.metrics import Clock, Writer
from labse_jax.sharding import batch_sharding, cache_compilations, make_mesh, weight_sharding
from labse_jax.stopper import Stopper

PROBE_STEPS = 10  # Timed to turn a budget of seconds into a number of steps.
FREE_TO_CHANGE = ("evals", "log_every", "save_every", "seconds")  # Between a run and its resume.


def train(config, workdir):
  """Trains what `config` says in `workdir`, from its newest checkpoint on; writes workdir/model."""
  start, workdir = time.monotonic(), pathlib.Path(workdir)
  if (workdir / "model" / "modules.json").exists():
    print(f"{workdir}: this run is done; its model is {workdir / 'model'}.")
    return
  mesh = make_mesh(config.mesh.fsdp)
  check_config(config, workdir, mesh)
  tasks = pathlib.Path(__file__).parent / "tasks"
  known("task", config.task, [path.stem for path in tasks.glob("[a-z]*.py")])
  task = importlib.import_module(f"labse_jax.tasks.{config.task}").Task(config)
  with jax.set_mesh(mesh), Stopper() as stopper:
    batches = task.batches()
    data = iter(batches)
    tx = optim.transformation(**config.optim)
    abstract, init = make_state(task, tx, mesh)
    train_step = make_train_step(task, tx, abstract, config.schedule)
    checkpoints = Checkpoints(workdir / "checkpoints")
    state = checkpoints.restore(abstract, data)
    key = jax.random.key(config.seed)
    if state is None:
      state = init(key)
      total = config.total_steps or steps_within(
          config.seconds, start, train_step, state, iter(batches), key, mesh)  # fmt: skip
      state["total"] = jax.device_put(jnp.int32(total), state["total"].sharding)
    loop(config, workdir, task, train_step, state, data, key, mesh, checkpoints, stopper)


def loop(config, workdir, task, train_step, state, data, key, mesh, checkpoints, stopper):
  """Steps to the end: the metrics of one step are fetched while the next one runs."""
  first, total = int(state["step"]), int(state["total"])
  main_host = jax.process_index() == 0
  writer = Writer(workdir, first_step=first, total_steps=total) if main_host else None
  evals = [make_eval(name, section) for name, section in config.evals.to_dict().items()]
  sharding, previous, clock = batch_sharding(mesh), None, Clock()
  for step in range(first, total):
    batch = next(data)
    state, metrics = train_step(state, to_devices(batch, sharding), key)
    if previous:
      report(writer, *previous, clock, config, total, workdir)
    previous = (step, metrics, batch)
    done = step + 1
    due = [(name, run_eval) for name, every, run_eval in evals if done % every == 0]
    if due:
      evaluate(task, state["params"], due, writer, step, mesh)
      clock.restart()
    stop = stopper.asked(step)
    if stop or done == total or done % config.save_every == 0:
      report(writer, *previous, clock, config, total, workdir)  # Never save what is not finite.
      previous = None
      checkpoints.save(done, state, data)
    if stop:
      break
  checkpoints.close()
  if main_host:
    writer.close()
  if stopper.signal:
    print(f"\n{workdir}: stopped by a signal; step {int(state['step'])} is saved.", file=sys.stderr)
    sys.exit(128 + stopper.signal)
  export(task, state["params"], workdir / "model", mesh)


def make_state(task, tx, mesh):
  """The state's shapes with their shardings, and the function that makes it on its devices."""

  def init(key):
    params = task.init(key)
    zero = jnp.zeros((), jnp.int32)
    return {"params": params, "opt": tx.init(params), "step": zero, "total": zero}

  shapes = jax.eval_shape(init, jax.random.key(0))
  abstract = jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=weight_sharding(x.shape, mesh)),
      shapes)  # fmt: skip
  return abstract, jax.jit(init, out_shardings=jax.tree.map(lambda x: x.sharding, abstract))


def make_train_step(task, tx, abstract, schedule):
  """state, batch, key -> state, metrics; compiled once, the old state's memory is used again."""

  @functools.partial(
      jax.jit, donate_argnums=0,
      out_shardings=(jax.tree.map(lambda x: x.sharding, abstract), None))  # fmt: skip
  def train_step(state, batch, key):
    key = jax.random.fold_in(key, state["step"])
    (loss, metrics), grads = jax.value_and_grad(task.loss_fn, has_aux=True)(
        state["params"], batch, key)  # fmt: skip
    updates, opt = tx.update(grads, state["opt"], state["params"])
    rate = optim.learning_rate(state["step"], state["total"], **schedule)
    params = jax.tree.map(lambda p, u: p - rate * u, state["params"], updates)
    metrics |= {"loss": loss, "learning_rate": rate, "grad_norm": optax.tree.norm(grads)}
    return state | {"params": params, "opt": opt, "step": state["step"] + 1}, metrics

  return train_step


def steps_within(seconds, start, train_step, state, batches, key, mesh):
  """How many steps end `seconds` after `start`, by the median of a few on a copy of the state.

  Fixed once and kept in the checkpoint, so that the schedule and a resume know the end.
  """
  copy, times = jax.tree.map(jnp.copy, state), []
  for _ in range(1 + PROBE_STEPS):
    began = time.monotonic()
    copy, metrics = train_step(copy, to_devices(next(batches), batch_sharding(mesh)), key)
    jax.block_until_ready(metrics)
    times.append(time.monotonic() - began)
  each, left = statistics.median(times[1:]), seconds - (time.monotonic() - start)
  steps = int(multihost_utils.broadcast_one_to_all(np.int32(max(1, left / each))))
  print(f"{steps:,} steps of {each:.2f} s fit the {seconds:g} s given.")
  return steps


def report(writer, step, metrics, batch, clock, config, total, workdir):
  """Brings a step's metrics to the host, stops on what is not finite, writes and shows the rest."""
  metrics = {name: value.item() for name, value in jax.device_get(metrics).items()}
  if not np.isfinite(metrics["loss"] + metrics["grad_norm"]):
    path = workdir / f"not_finite_{step}.npz"
    with files.replacing(path, "wb") as file:
      np.savez(file, **batch)
    raise FloatingPointError(
        f"step {step}: loss {metrics['loss']}, gradient norm {metrics['grad_norm']}; its batch is "
        f"{path}. The checkpoints from before it are kept.")  # fmt: skip
  metrics |= clock.speeds(metrics)
  if writer is None:
    return
  if step % config.log_every == 0 or step + 1 == total:
    writer.write(step, metrics)
    shown = ("loss", "in_batch_accuracy", "sentences_per_second", "negatives")
    writer.show(step, {name: metrics[name] for name in shown if name in metrics})
  writer.bar.update(1)


def make_eval(name, section):
  """(name, every so many steps, encoder -> averages) of one section of config.evals."""
  options = dict(section)
  kind, every = options.pop("type"), options.pop("every")
  evaluators = pathlib.Path(__file__).parent / "evaluators"
  known("evaluator", kind, [path.stem for path in evaluators.glob("[a-z]*.py")])
  evaluator = importlib.import_module(f"labse_jax.evaluators.{kind}").Evaluator(**options)

  def run_eval(encoder):
    encode = functools.partial(encoder.encode, normalize_embeddings=True)
    average = evaluator.run(encode)["average"]
    return {k: v["value"] if isinstance(v, dict) else v for k, v in average.items()}

  return name, every, run_eval


def evaluate(task, params, due, writer, step, mesh):
  """Runs the evaluators that are due on the first host's devices and writes their averages."""
  params = whole(params, mesh)
  if writer:
    encoder = task.encoder(params)
    for name, run_eval in due:
      writer.write(step, {f"{name}/{key}": value for key, value in run_eval(encoder).items()})


def export(task, params, path, mesh):
  """Writes the model folder, on the first host."""
  params = whole(params, mesh)
  if jax.process_index() == 0:
    task.export(params, path)
    print(f"{path}: a sentence-transformers folder.")


def whole(params, mesh):
  """Parameters as NumPy arrays on every host, however they were split."""
  replicate = jax.jit(lambda p: p, out_shardings=jax.NamedSharding(mesh, jax.P()))
  return jax.device_get(replicate(params))


def check_config(config, workdir, mesh):
  """Refuses a batch that cannot be split, and a workdir that holds another run."""
  if config.batch_rows % (mesh.size * config.chunks):
    parts = f"{mesh.size} devices" + (f" x {config.chunks} chunks" if config.chunks > 1 else "")
    raise InputError(f"batch_rows = {config.batch_rows}: not divisible by {parts}.")
  if bool(config.total_steps) == bool(config.seconds):
    raise InputError("Give one of total_steps and seconds; the other is 0.")
  path, now = workdir / "config.json", json.loads(config.to_json())
  if path.exists():
    before = json.loads(path.read_text(encoding="utf-8"))
    changed = [k for k in now if k not in FREE_TO_CHANGE and before.get(k) != now[k]]
    if changed:
      was = "; ".join(f"{k}: {before.get(k)} -> {now[k]}" for k in changed)
      raise InputError(f"{workdir} holds a run with another config ({was}); use a new workdir.")
  if jax.process_index() == 0:
    with files.replacing(path) as file:
      json.dump(now, file, indent=2)


def main(argv):
  config, workdir = load_config(argv)
  if os.environ.get("LABSE_DISTRIBUTED") == "1":  # launch/tpu_vm.sh starts one process a host.
    jax.distributed.initialize()
  cache_compilations()
  train(config, workdir)


if __name__ == "__main__":
  run(main)
