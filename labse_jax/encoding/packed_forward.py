"""Token ids to vectors: packed into rows, in batches of few shapes, on every local device."""

from collections.abc import Callable, Sequence

import jax
import numpy as np

from labse_jax.base.machine import check_dtype
from labse_jax.base.sharding import batch_sharding, make_mesh
from labse_jax.base.types import Params
from labse_jax.data.batches import packing
from labse_jax.models import bert
from labse_jax.models.heads import SentenceModel

ROW_LENGTHS = (32, 128, 512)  # The limit of a call replaces the last.
TOKENS_PER_DEVICE = 1024  # Larger batches leave the cache of a CPU core.
# The last batches may be this part of the others. Each size is compiled, which takes as long as
# some thousand tokens do; a third size would fill batches less than 1 % better.
LAST_BATCHES = (8, 1)
FILLED = 0.75  # A last batch that is filled so far is not replaced by several smaller ones.


class PackedForward:
  """A sentence model on the devices of `mesh`; it is compiled once for each shape of a batch.

  It keeps nothing between two calls, so threads may share it.
  """

  def __init__(self, module: SentenceModel, mesh: jax.sharding.Mesh | None = None) -> None:
    # Layer by layer: a scan would copy each layer's weights out of the stack in every batch.
    self.module = module.clone(bert=module.bert.clone(unstacked=True))
    self.mesh = mesh or make_mesh(devices=jax.local_devices())
    check_dtype(module.bert.dtype, self.mesh.devices.flat[0])
    self.params: Params = {}  # Until set_params is called.
    self.forward = jax.jit(
      self._apply, static_argnames="slots", out_shardings=batch_sharding(self.mesh)
    )

  def set_params(self, params: Params) -> None:
    """Puts a parameter tree on every device."""
    params = params | {"bert": bert.unstack(params["bert"], self.module.bert.dtype)}
    self.params = jax.device_put(params, jax.NamedSharding(self.mesh, jax.P()))

  def vectors(
    self,
    tokens: Sequence[np.ndarray],
    *,
    longest: int,
    tokens_per_device: int = TOKENS_PER_DEVICE,
    moved: Callable[[int], object] | None = None,
  ) -> np.ndarray:
    """Vectors [N, D] of N arrays of ids, none of which has more than `longest`.

    `moved` is called after each batch, with how many of the N were in it.
    """
    lengths_N = np.array([len(ids) for ids in tokens])
    vectors_ND = np.zeros((len(tokens), self.module.out_width), np.float32)
    # Short sentences go into short rows: attention's cost grows with the square of a row.
    shorter = 0
    for length in row_lengths(longest):
      members_n = np.flatnonzero((lengths_N > shorter) & (lengths_N <= length))
      shorter = length
      if len(members_n):
        items = [(tokens[member],) for member in members_n.tolist()]
        vectors_ND[members_n] = self._of_rows(items, length, tokens_per_device, moved)
    return vectors_ND

  def _of_rows(self, items, length, tokens_per_device, moved):
    """Vectors of items, packed into rows of one length and run in batches of few shapes."""
    slots = max(1, length // 4)
    packed, row_N, slot_N = packing.pack(items, length, slots)
    items_R = np.bincount(row_N)
    row = 0
    pending = _Pending(moved)
    # JAX works on a batch while the next one is made: results are fetched when all are sent.
    for batch in _batches(packed, self._batch_sizes(length, tokens_per_device)):
      with jax.set_mesh(self.mesh):
        batch = jax.device_put(batch, batch_sharding(self.mesh))
        z_BSD = self.forward(self.params, *batch, slots=slots)
      pending.add(z_BSD, int(items_R[row : row + len(z_BSD)].sum()))
      row += len(z_BSD)
    z_RSD = np.concatenate(pending.fetched())
    return z_RSD[row_N, slot_N]

  @property
  def on_cpu(self) -> bool:
    """Whether the devices are a CPU's."""
    return self.mesh.devices.flat[0].platform == "cpu"

  def _batch_sizes(self, length, tokens_per_device):
    """The rows that a batch may have, in ascending order; each size is compiled once."""
    full = max(1, tokens_per_device // length)
    return [max(1, full // part) * self.mesh.size for part in LAST_BATCHES]

  def _apply(self, params, tokens_BL, segments_BL, positions_BL, *, slots):
    return self.module.apply({"params": params}, tokens_BL, segments_BL, positions_BL, slots=slots)


class _Pending:
  """The results of batches that were sent; tells `moved` of each as soon as it is seen done."""

  def __init__(self, moved):
    self._moved = moved
    self._results = []  # (the result of a batch, how many items it holds)
    self._told = 0  # Of how many batches.

  def add(self, z_BSD, items):
    self._results.append((z_BSD, items))
    # A new shape is compiled for seconds before it is sent: others are done in the meantime.
    while self._told < len(self._results) and self._results[self._told][0].is_ready():
      self._tell()

  def fetched(self):
    """The results as NumPy arrays, in their order; waits for them."""
    arrays = []
    for number, (z_BSD, _) in enumerate(self._results):
      arrays.append(np.asarray(z_BSD))
      if number == self._told:
        self._tell()
    return arrays

  def _tell(self):
    _, items = self._results[self._told]
    self._told += 1
    if self._moved:
      self._moved(items)


def row_lengths(longest: int) -> tuple[int, ...]:
  """The lengths of rows, in ascending order, for sentences of at most `longest` tokens."""
  return (*(length for length in ROW_LENGTHS if length < longest), longest)


def _batches(packed, sizes):
  """Full batches of packed rows, then smaller ones for the rest: lists of [B, L] arrays."""
  rows = len(packed["mask"])
  start = 0
  while start < rows:
    size = _next_size(sizes, rows - start)
    batch = []
    for name in ("tokens", "segments", "positions"):
      array_BL = packed[name][start : start + size, 0]  # An item has one side here.
      batch.append(np.pad(array_BL, ((0, size - len(array_BL)), (0, 0))))
    yield batch
    start += size


def _next_size(sizes, rows):
  """The largest of ascending sizes that so many rows fill, nearly at least; else the smallest."""
  filled = [size for size in sizes if rows >= FILLED * size]
  return filled[-1] if filled else sizes[0]
