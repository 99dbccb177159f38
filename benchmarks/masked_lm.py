"""Time and memory of the masked-language-model loss over LaBSE's 501,153 word pieces.

python benchmarks/masked_lm.py

The loss in chunks beside the dense one (all logits at once), both in float32 on one device, forward
and backward, timed in turns in one process. GLIBC_TUNABLES=glibc.malloc.hugetlb=1 is what `launch/`
sets on CPUs.
"""

import os
import statistics
import time

os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=1")

import jax
import jax.numpy as jnp

from labse_jax.losses.masked_lm import vocabulary_lse

# 501,153 padded to a multiple of 128, as the table is inside the model.
V = 501_248
D = 768
CHUNK = 4_096
REPEATS = 3


def dense(x_MD, labels_M, table_VD, bias_V):
  """The mean loss from all logits."""
  s_MV = jnp.matmul(x_MD, table_VD.T, precision="highest") + bias_V
  lse_M = jax.nn.logsumexp(s_MV, axis=1)
  return (lse_M - jnp.take_along_axis(s_MV, labels_M[:, None], 1)[:, 0]).mean()


def chunked(chunk):
  """The function that gives the same mean in chunks of the vocabulary."""

  def loss(x_MD, labels_M, table_VD, bias_V):
    lse_M, label_M, _ = vocabulary_lse(x_MD, labels_M, table_VD, bias_V, chunk)
    return (lse_M - label_M).mean()

  return loss


def compile_with_gradients(loss, *arguments):
  """The compiled loss and gradients of x, the table and the bias."""
  return jax.jit(jax.value_and_grad(loss, argnums=(0, 2, 3))).lower(*arguments).compile()


def main():
  keys = jax.random.split(jax.random.key(0), 3)
  table_VD = 0.02 * jax.random.normal(keys[0], (V, D))
  bias_V = jnp.zeros(V)

  def inputs(M):
    return (
      jax.random.normal(keys[1], (M, D)),
      jax.random.randint(keys[2], (M,), 0, 501_153),
      table_VD,
      bias_V,
    )

  cases = {("dense", 512): compile_with_gradients(dense, *inputs(512))}
  for M in (512, 1024):
    cases[f"chunks of {CHUNK}", M] = compile_with_gradients(chunked(CHUNK), *inputs(M))
  times = {case: [] for case in cases}
  for repeat in range(1 + REPEATS):
    for case, compiled in cases.items():
      arguments = inputs(case[1])
      start = time.perf_counter()
      jax.block_until_ready(compiled(*arguments))
      if repeat:
        times[case].append(time.perf_counter() - start)
  print(
    f"V = {V:,}, D = {D}, float32, jax {jax.__version__}, {jax.devices()[0].device_kind}, "
    f"{os.cpu_count()} cores; medians of {REPEATS} turns (lowest to highest)"
  )
  for (name, M), seconds in times.items():
    temporary = cases[name, M].memory_analysis().temp_size_in_bytes
    print(
      f"{name:>16}, M = {M:>5}: {statistics.median(seconds):6.2f} s ({min(seconds):.2f} to "
      f"{max(seconds):.2f}), {temporary / 1e6:8,.0f} MB temporary"
    )


if __name__ == "__main__":
  main()
