"""Training steps of BERT-base: ours in three settings, and torch, compiled, beside them."""

import shutil

import jax

from sections import model
from sections.measure import encoder_flops, median_seconds, mfu, peak_gigabytes, seconds_of
from sections.places import SMALL, WORK
from sections.results import Results
from sections.training_steps import TrainingSteps, config_of

ROWS = 8 if SMALL else 128
LENGTH = 32 if SMALL else 128
STEPS = 2 if SMALL else 10
TRACED_STEPS = 3
TOKENS = 2 * ROWS * LENGTH  # Of both sides of each row; padding counts, since it is computed.
SETTINGS = {  # From the least memory to the most: JAX tells the peak of the whole process.
  "bfloat16, remat, scan": dict(dtype="bfloat16", remat=True, unroll=False),
  "bfloat16, no remat, unroll": dict(dtype="bfloat16", remat=False, unroll=True),
  "float32, no remat, unroll": dict(dtype="float32", remat=False, unroll=True),
}
TRACED = "bfloat16, no remat, unroll"


LAST = "float32, no remat, unroll"  # It compiles for a minute.


def run(results: Results) -> None:
  for name, setting in SETTINGS.items():
    if name != LAST:
      attempt_ours(results, name, setting)
  with results.attempt("torch"):
    measure_torch(results)
  attempt_ours(results, LAST, SETTINGS[LAST])


def attempt_ours(results: Results, name: str, setting: dict) -> None:
  with results.attempt(f"ours {name}"):
    measure_ours(results, name, setting)


def measure_ours(results: Results, name: str, setting: dict) -> None:
  steps = TrainingSteps(config_of(ROWS, LENGTH, **setting))
  first = seconds_of(lambda: steps.run(1))  # It compiles.
  seconds = seconds_of(lambda: steps.run(STEPS)) / STEPS
  results.note(f"ours {name}", rates(seconds, first) | {"peak_gb": peak_gigabytes()})
  if name == TRACED:
    shutil.rmtree(WORK / "trace", ignore_errors=True)
    with jax.profiler.trace(str(WORK / "trace")):
      steps.run(TRACED_STEPS)


def rates(seconds: float, first: float) -> dict:
  """What is noted of a step of `seconds`; `first` are those of the first one."""
  flops = 3 * TOKENS * encoder_flops(model.shape(), LENGTH)  # The way back costs twice as much.
  return {
    "ms": 1e3 * seconds,
    "tokens_per_second": TOKENS / seconds,
    "mfu": mfu(flops / seconds),
    "first_seconds": first,
  }


def measure_torch(results: Results) -> None:
  """The same shape in transformers: scaled_dot_product_attention, autocast and fused AdamW."""
  import torch

  step = torch_step(torch)
  first = seconds_of(step)
  noted = rates(median_seconds(step, STEPS), first)
  if torch.cuda.is_available():
    noted["peak_gb"] = torch.cuda.max_memory_allocated() / 1e9
  results.note("torch bfloat16, compiled", noted)


def torch_step(torch):
  """A function that makes one step: encode both sides, contrast them, clip, update."""
  on_gpu = torch.cuda.is_available()
  device = "cuda" if on_gpu else "cpu"
  net = torch_encoder().to(device).train()
  optimizer = torch.optim.AdamW(net.parameters(), lr=1e-5, fused=True)
  # Inductor needs a C++ compiler on a CPU, and minutes: the small form only goes through Dynamo.
  compiled = torch.compile(net, backend="eager" if SMALL else "inductor")
  tokens = torch.randint(0, model.shape()["vocab_size"], (2 * ROWS, LENGTH), device=device)
  own = torch.arange(ROWS, device=device)

  def step():
    with torch.autocast(device, torch.bfloat16):
      vectors = compiled(tokens).last_hidden_state.mean(1)
    vectors = torch.nn.functional.normalize(vectors.float(), dim=-1)
    similarities = vectors[:ROWS] @ vectors[ROWS:].T
    torch.nn.functional.cross_entropy(20 * similarities, own).backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    if on_gpu:
      torch.cuda.synchronize()

  return step


def torch_encoder():
  from transformers import AutoModel, BertConfig

  shape = model.shape()
  config = BertConfig(
    vocab_size=shape["vocab_size"],
    hidden_size=shape["width"],
    num_hidden_layers=shape["depth"],
    num_attention_heads=shape["heads"],
    intermediate_size=shape["mlp_width"],
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
  )
  return AutoModel.from_config(config, attn_implementation="sdpa", add_pooling_layer=False)
