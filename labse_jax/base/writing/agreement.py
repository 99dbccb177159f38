"""What the processes of one run tell each other about files, so that all of them do the same."""

import json
from typing import Any

import numpy as np


def of_first(value: Any) -> Any:
  """The JSON value that the first process gives, on all of them; those of the others count not."""
  import jax  # Late: commands that write files do not wait for JAX.
  from jax.experimental import multihost_utils

  if jax.process_count() == 1:
    return value
  text = np.frombuffer(json.dumps(value).encode(), np.uint8)
  size = int(multihost_utils.broadcast_one_to_all(np.int32(len(text))))
  padded = np.zeros(size, np.uint8)
  if jax.process_index() == 0:
    padded[:] = text
  return json.loads(bytes(multihost_utils.broadcast_one_to_all(padded)))


def all_of(right: bool) -> bool:
  """Whether `right` holds on all processes."""
  import jax
  from jax.experimental import multihost_utils

  if jax.process_count() == 1:
    return right
  return bool(multihost_utils.process_allgather(np.bool_(right)).all())
