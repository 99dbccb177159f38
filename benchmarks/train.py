"""A training step of the dual encoder beside the same step in torch, on the same packed tokens.

python benchmarks/train.py --model FOLDER --data DATASET [--base] [--output FILE.json]

FOLDER is a BERT with mean pooling; its weights, loss (additive margin softmax) and batches are the
same on both sides, dropout is 0, and the losses of the first steps are compared. torch runs
transformers' BertModel with scaled_dot_product_attention, autocast for bfloat16, and fused AdamW.
The four take turns of a few steps each, each in a process of its own. --base replaces the model by
one of BERT-base's shape with random weights.
"""

import argparse
import json
import multiprocessing
import os
import pathlib
import statistics
import tempfile
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # Before torch: its threads would spin on.

from encode import in_a_process, machine, write_base
import jax
import numpy as np
import torch
from transformers import AutoModel

from labse_jax import train as trainer
from labse_jax.base.sharding import batch_sharding, make_mesh
from labse_jax.configs.command_line import load_config
from labse_jax.data.batches.streams import to_devices
from labse_jax.training.warm_start import warm_start

TURNS = 5
STEPS = 3
SCALE = 20.0
MARGIN = 0.3
RATE = 2e-5
OPTIM = dict(clip=1e9, b1=0.9, b2=0.999, epsilon=1e-8, weight_decay=0.0)


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--model", required=True)
  parser.add_argument("--data", required=True)
  parser.add_argument("--base", action="store_true", help="BERT-base's shape, random weights")
  parser.add_argument("--rows", type=int, default=16)
  parser.add_argument("--length", type=int, default=128)
  parser.add_argument("--output", type=pathlib.Path, help="a JSON file")
  args = parser.parse_args()
  about = {
    "model": "BERT-base, random weights" if args.base else pathlib.Path(args.model).name,
    "rows": args.rows,
    "length": args.length,
    **machine(),
  }
  with tempfile.TemporaryDirectory() as scratch:
    if args.base:
      in_a_process(write_base, args.model, f"{scratch}/base")
      args.model = f"{scratch}/base"
    results = compare(args)
  print(json.dumps(about))
  print("\n".join(table(results)))
  if args.output:
    args.output.write_text(json.dumps({**about, "results": results}, indent=1) + "\n")


def compare(args):
  """{contender: its seconds a step, its losses}, all measured in turns."""
  batches = read_batches(args)
  tokens = statistics.mean(int((batch["segments"] > 0).sum()) for batch in batches[:STEPS])
  context = multiprocessing.get_context("spawn")
  pipes = {}
  results = {}
  for kind, said in ((Ours, "labse_jax"), (Torch, "torch")):
    for dtype in ("float32", "bfloat16"):
      pipes[f"{said} {dtype}"], theirs = context.Pipe()
      context.Process(target=contend, args=(theirs, kind, args, dtype), daemon=True).start()
      results[f"{said} {dtype}"] = {"losses": pipes[f"{said} {dtype}"].recv(), "seconds": []}
  for _ in range(TURNS):
    for name, pipe in pipes.items():
      pipe.send("go")
      results[name]["seconds"].append(pipe.recv())
  for pipe in pipes.values():
    pipe.send(None)
  for result in results.values():
    result["tokens_per_second"] = tokens / statistics.median(result["seconds"])
  return results


def contend(pipe, kind, args, dtype):
  """Sends the losses of the first steps; then, each time it is asked, the seconds a step takes.

  In a process of its own: the memory and threads of one would weigh on the others. The first step
  of a turn is not timed: it gets back the memory that others used in between.
  """
  one = kind(args, dtype)
  batches = read_batches(args)
  pipe.send([one.step(batch) for batch in batches])
  while pipe.recv():
    one.step(batches[0])
    start = time.perf_counter()
    for batch in batches[:STEPS]:
      one.step(batch)
    pipe.send((time.perf_counter() - start) / STEPS)


def config_of(args, dtype):
  """The fine-tuning experiment with nothing frozen and no dropout."""
  options = f"model={args.model},data={args.data},batch_rows={args.rows},length={args.length}"
  config, _ = load_config(["--config", f"experiments/finetune.py:{options}", "--workdir", "-"])
  with config.unlocked():
    config.freeze = ()
    config.dtype = dtype
    config.model.dropout = 0.0
    config.optim = OPTIM
    config.loss_options = dict(scale=SCALE, margin=MARGIN)
    config.schedule = dict(peak=RATE, warmup=0.0, decay="constant")
  return config


def read_batches(args):
  """The first few batches, NumPy."""
  config = config_of(args, "float32")
  data = iter(trainer.make_stages(config, make_mesh())[0].task.batches())
  return [next(data) for _ in range(STEPS + 2)]


class Ours:
  """The trainer's own step."""

  def __init__(self, args, dtype):
    config = config_of(args, dtype)
    self.mesh = make_mesh()
    stage = trainer.make_stages(config, self.mesh)[0]
    with jax.set_mesh(self.mesh):
      self.state = stage.init(jax.random.key(0))
      self.train_step = stage.train_step
      self.state["params"] = warm_start(self.state["params"], stage.task)

  def step(self, batch):
    with jax.set_mesh(self.mesh):
      batch = to_devices(batch, batch_sharding(self.mesh))
      self.state, metrics = self.train_step(self.state, batch, jax.random.key(0))
    return float(metrics["loss"])


class Torch:
  """The same step by torch and transformers."""

  def __init__(self, args, dtype):
    self.dtype = getattr(torch, dtype)
    self.model = AutoModel.from_pretrained(
      args.model,
      attn_implementation="sdpa",
      add_pooling_layer=False,
      hidden_dropout_prob=0.0,
      attention_probs_dropout_prob=0.0,
    ).train()
    self.optimizer = torch.optim.AdamW(
      self.model.parameters(),
      lr=RATE,
      betas=(OPTIM["b1"], OPTIM["b2"]),
      eps=OPTIM["epsilon"],
      weight_decay=0.0,
      fused=True,
    )

  def step(self, batch):
    flat = {
      name: torch.from_numpy(batch[name]).reshape(-1, batch[name].shape[-1]).long()
      for name in ("tokens", "segments", "positions")
    }
    segments = flat["segments"]
    mask = (segments[:, :, None] == segments[:, None, :])[:, None]
    with torch.autocast("cpu", torch.bfloat16, enabled=self.dtype == torch.bfloat16):
      x = self.model(
        input_ids=flat["tokens"], position_ids=flat["positions"], attention_mask=mask
      ).last_hidden_state
    slots = batch["mask"].shape[1]
    member = (segments[:, None] == torch.arange(1, slots + 1)[:, None]).float()
    z = (member @ x.float()) / member.sum(-1, keepdim=True).clamp(min=1)
    z = torch.nn.functional.normalize(z, dim=-1).reshape(-1, 2, slots, z.shape[-1])
    turned = torch.from_numpy(batch["turned"])[..., None]
    pairs = torch.from_numpy(batch["mask"])
    x, y = (
      torch.where(turned, *sides)[pairs] for sides in ((z[:, 1], z[:, 0]), (z[:, 0], z[:, 1]))
    )
    loss = self.loss(x, y, torch.from_numpy(batch["ids"].astype(np.int64))[pairs])
    self.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(self.model.parameters(), OPTIM["clip"])
    self.optimizer.step()
    return loss.item()

  def loss(self, x, y, ids):
    own = torch.eye(len(x), dtype=torch.bool)
    same = (ids[:, None, :, None] == ids[None, :, None, :]).any(-1).any(-1)
    logits = SCALE * (x @ y.T - MARGIN * own)
    logits = logits.masked_fill(same & ~own, -torch.inf)
    gold = torch.arange(len(x))
    entropy = torch.nn.functional.cross_entropy
    return entropy(logits, gold) + entropy(logits.T, gold)


def table(results):
  """The lines of a Markdown table; the ratio is to torch in the same precision."""
  yield "| | tokens/s | seconds a step, median (range) | to torch | first losses |"
  yield "|---|---|---|---|---|"
  for name, result in results.items():
    seconds = result["seconds"]
    dtype = name.split()[1]
    ratio = result["tokens_per_second"] / results[f"torch {dtype}"]["tokens_per_second"]
    losses = ", ".join(f"{loss:.4f}" for loss in result["losses"][:3])
    yield (
      f"| {name} | {result['tokens_per_second']:,.0f} | {statistics.median(seconds):.2f} "
      f"({min(seconds):.2f} to {max(seconds):.2f}) | {ratio:.2f} | {losses} |"
    )


if __name__ == "__main__":
  main()
