"""How unevenly sentences are the neighbours of others (Radovanovic et al. 2010, JMLR 11)."""

import numpy as np

SCORES_AT_ONCE = 1 << 24  # 64 MiB of float32.


def k_occurrence(query_BD, candidate_CD, k):
  """In how many queries' k nearest candidates by inner product each candidate is, [C]."""
  k = min(k, len(candidate_CD))
  step = max(1, SCORES_AT_ONCE // len(candidate_CD))
  counts_C = np.zeros(len(candidate_CD), int)
  for start in range(0, len(query_BD), step):
    s_bC = query_BD[start : start + step] @ candidate_CD.T
    near_bK = np.argpartition(-s_bC, k - 1, axis=1)[:, :k]
    counts_C += np.bincount(near_bK.ravel(), minlength=len(counts_C))
  return counts_C


def skewness(count_C):
  """The third standardised moment; 0 where all are the same, large where few hubs hold most."""
  from_mean_C = count_C - count_C.mean()
  spread = from_mean_C.std()
  return float((from_mean_C**3).mean() / spread**3) if spread > 0 else 0.0
