"""The exact four nearest of a million vectors: ours in three types, and torch beside."""

import numpy as np

from labse_jax.neighbours.exact import top_k
from sections.measure import median_seconds, seconds_of
from sections.places import SMALL
from sections.results import Results

CANDIDATES = 4_096 if SMALL else 1_000_000
QUERIES = 2_048 if SMALL else 65_536
WIDTH = 768
K = 4
NOISE = 0.5  # Of a query to its own candidate: near, but no copy.
SLOWER = ("float32", "int8")  # Than bfloat16.
TORCH_QUERIES = 4_096  # At a time.
TORCH_CANDIDATES = 1 << 17


def run(results: Results) -> None:
  queries_QD, candidates_CD = random_vectors()
  with results.attempt("torch bfloat16"):
    measure_torch(results, queries_QD, candidates_CD)
  for dtype in ("bfloat16", *SLOWER):
    with results.attempt(f"ours {dtype}"):
      measure_ours(results, queries_QD, candidates_CD, dtype)


def random_vectors() -> tuple[np.ndarray, np.ndarray]:
  """Queries and unit candidates; the n-th query was made from the n-th candidate."""
  rng = np.random.default_rng(0)
  candidates_CD = rng.standard_normal((CANDIDATES, WIDTH), np.float32)
  candidates_CD /= np.linalg.norm(candidates_CD, axis=1, keepdims=True)
  noise_QD = rng.standard_normal((QUERIES, WIDTH), np.float32) / WIDTH**0.5
  return candidates_CD[:QUERIES] + NOISE * noise_QD, candidates_CD


def measure_ours(results: Results, queries_QD, candidates_CD, dtype: str) -> None:
  few_QD = queries_QD[:2_048]
  few_CD = candidates_CD[: len(candidates_CD) // 8]
  first = seconds_of(lambda: top_k(few_QD, few_CD, K, dtype=dtype))  # It compiles most of it.
  found = []
  seconds = seconds_of(lambda: found.append(top_k(queries_QD, candidates_CD, K, dtype=dtype)))
  _, ids_QK = found[0]
  noted = rates(seconds) | {"share_right": share_right(ids_QK), "first_seconds": first}
  results.note(f"ours {dtype}", noted)


def share_right(ids_QK) -> float:
  """How many of the queries find the candidate that they were made from first."""
  return float((ids_QK[:, 0] == np.arange(len(ids_QK))).mean())


def rates(seconds: float) -> dict:
  return {
    "queries": QUERIES,
    "candidates": CANDIDATES,
    "seconds": seconds,
    "tflops": 2 * QUERIES * CANDIDATES * WIDTH / seconds / 1e12,
  }


def measure_torch(results: Results, queries_QD, candidates_CD) -> None:
  """Matrix products and torch.topk, with both sides on the device."""
  import torch

  on_gpu = torch.cuda.is_available()
  place = {"device": "cuda" if on_gpu else "cpu", "dtype": torch.bfloat16}
  x_QD = torch.from_numpy(queries_QD).to(**place)
  y_CD = torch.from_numpy(candidates_CD).to(**place)
  found = []

  def search():
    found[:] = torch_search(torch, x_QD, y_CD)
    if on_gpu:
      torch.cuda.synchronize()

  seconds = median_seconds(search, 2)
  ids_QK = torch.cat(found).cpu().numpy()
  results.note("torch bfloat16", rates(seconds) | {"share_right": share_right(ids_QK)})


def torch_search(torch, x_QD, y_CD) -> list:
  """The ids of the K best candidates, a tensor [q, K] for each block of queries."""
  found = []
  for start in range(0, len(x_QD), TORCH_QUERIES):
    x_qD = x_QD[start : start + TORCH_QUERIES]
    best_qK = torch.full((len(x_qD), K), -torch.inf, device=x_qD.device, dtype=x_qD.dtype)
    ids_qK = torch.zeros((len(x_qD), K), device=x_qD.device, dtype=torch.long)
    for first in range(0, len(y_CD), TORCH_CANDIDATES):
      scores_qc = x_qD @ y_CD[first : first + TORCH_CANDIDATES].T
      new_qK, new_ids_qK = scores_qc.topk(K, dim=1)
      # The best so far and those of this block, of which the best are kept.
      best_qK, places_qK = torch.cat([best_qK, new_qK], 1).topk(K, dim=1)
      ids_qK = torch.cat([ids_qK, new_ids_qK + first], 1).gather(1, places_qK)
    found.append(ids_qK)
  return found
