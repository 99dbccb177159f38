"""What the device can do at best: copies, matrix products, transfers, the start of a program."""

import sys

import jax
import jax.numpy as jnp
import numpy as np

from sections.measure import median_seconds
from sections.places import SMALL
from sections.results import Results

COPIED = (1 << 20) if SMALL else (2 << 30)  # Bytes.
TRANSFERRED = (1 << 20) if SMALL else (256 << 20)
MATRIX = 128 if SMALL else 8_192
STARTS = 20 if SMALL else 200
PRODUCTS = (("bf16", "bfloat16", False), ("tf32", "float32", True), ("fp32", "float32", False))


def run(results: Results) -> None:
  with results.attempt("jax"):
    measure_jax(results)
  with results.attempt("torch"):
    measure_torch(results)


def measure_jax(results: Results) -> None:
  """How long it takes to start a program that does next to nothing, and to send a small array."""
  results.note("jax", jax.__version__)
  results.note("python", sys.version.split()[0])
  results.note("device", jax.devices()[0].device_kind)
  add_one = jax.jit(lambda x: x + 1)
  x = jnp.zeros(8)
  seconds = median_seconds(lambda: add_one(x).block_until_ready(), STARTS)
  results.note("jax_start_us", 1e6 * seconds)
  vectors = np.zeros((1_024, 768), np.float32)
  seconds = median_seconds(lambda: jax.device_put(vectors).block_until_ready(), STARTS)
  results.note("jax_put_3mb_ms", 1e3 * seconds)


def measure_torch(results: Results) -> None:
  """Torch measures these: it is the other side of the comparisons that follow."""
  import torch

  on_gpu = torch.cuda.is_available()
  device = torch.device("cuda" if on_gpu else "cpu")
  wait = torch.cuda.synchronize if on_gpu else (lambda: None)
  results.note("torch", torch.__version__)
  measure_copy(results, torch, device, wait)
  for name, dtype, tf32 in PRODUCTS:
    torch.backends.cuda.matmul.allow_tf32 = tf32
    seconds = median_seconds(product_of(torch, device, getattr(torch, dtype), wait))
    results.note(f"{name}_tflops", 2 * MATRIX**3 / seconds / 1e12)
  if on_gpu:  # Elsewhere there is nothing to send over.
    measure_transfers(results, torch, device, wait)


def measure_copy(results, torch, device, wait):
  """Gigabytes a second that a copy within the device's memory reads and writes."""
  source = torch.zeros(COPIED, dtype=torch.uint8, device=device)
  target = torch.empty_like(source)

  def copy():
    target.copy_(source)
    wait()

  results.note("copy_gb_s", 2 * COPIED / median_seconds(copy) / 1e9)


def product_of(torch, device, dtype, wait):
  """A product of two random square matrices; zeros would be faster, since they draw less power."""
  a = torch.randn(MATRIX, MATRIX, device=device).to(dtype)
  b = torch.randn(MATRIX, MATRIX, device=device).to(dtype)

  def multiply():
    a @ b
    wait()

  return multiply


def measure_transfers(results, torch, device, wait):
  """Gigabytes a second to the device, from plain and from pinned memory, and back."""
  plain = torch.zeros(TRANSFERRED, dtype=torch.uint8)
  there = torch.zeros(TRANSFERRED, dtype=torch.uint8, device=device)
  ways = {
    "to_device_gb_s": (plain, there),
    "to_device_pinned_gb_s": (plain.pin_memory(), there),
    "from_device_gb_s": (there, plain),
  }
  for name, (source, target) in ways.items():

    def send(source=source, target=target):
      target.copy_(source)
      wait()

    results.note(name, TRANSFERRED / median_seconds(send) / 1e9)
