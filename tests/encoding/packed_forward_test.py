"""Arrays of ids to vectors: few compilations, small last batches, rows of the shortest lengths."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from labse_jax.base.sharding import make_mesh
from labse_jax.encoding.packed_forward import PackedForward, row_lengths
from labse_jax.models import heads


def ids(*lengths):
  return [np.full(length, 7, np.int32) for length in lengths]


@pytest.fixture
def packed(tiny_content):
  """packed(positions) -> the tiny model with so many positions, on one device."""

  def make(positions):
    module = heads.build(dict(tiny_content.model, positions=positions), tiny_content.head)
    return PackedForward(module, make_mesh(devices=jax.devices()[:1]))

  return make


@pytest.fixture
def watched(packed, monkeypatch):
  """watched(positions) -> (the model, the batches that it is asked for)."""

  def make(positions):
    seen = []

    def forward(_, tokens_BL, segments_BL, positions_BL, *, slots):
      seen.append((tokens_BL.shape, int(positions_BL.max()), int(segments_BL.max())))
      return jnp.zeros((len(tokens_BL), slots, 32))

    model = packed(positions)
    monkeypatch.setattr(model, "forward", forward)
    return model, seen

  return make


@pytest.mark.heavy
def test_at_most_seven_compilations(packed):
  model = packed(600)
  stacked = model.module.clone(bert=model.module.bert.clone(unstacked=False))
  model.set_params(jax.jit(lambda key: heads.init(stacked, key))(jax.random.key(0)))
  for n in (1, 5, 50, 31, 100, 101, 300, 598):
    model.vectors(ids(2 + n, *[3] * (n // 10)), longest=600)
  model.vectors(ids(*[3] * 3000), longest=600)
  assert model.forward._cache_size() <= 2 + 2 + 2 + 1


def test_the_last_batches_are_nearly_filled(watched):
  model, seen = watched(64)
  for count, rows in (
    (1, [4]),
    (4, [4]),
    (5, [4, 4]),
    (23, [4] * 6),
    (24, [32]),
    (33, [32, 4]),
    (38, [32, 4, 4]),
  ):
    seen.clear()
    model.vectors(ids(*[30] * count), longest=64)
    assert [shape for shape, _, _ in seen] == [(n, 32) for n in rows]
  seen.clear()
  model.vectors(ids(*[62] * 17), longest=64)
  assert [shape for shape, _, _ in seen] == [(16, 64), (2, 64)]


def test_each_batch_tells_how_many_were_in_it(watched):
  model, seen = watched(64)
  moved = []
  # 33 rows of 32 ids, three sentences in each but the last; and 3 rows of 64.
  vectors_ND = model.vectors(ids(*[10] * 97, *[62] * 3), longest=64, moved=moved.append)
  assert [shape for shape, _, _ in seen] == [(32, 32), (4, 32), (2, 64), (2, 64)]
  assert moved == [96, 1, 2, 1] and len(vectors_ND) == 100


def test_a_batch_that_is_done_is_told_before_the_next_is_sent(watched, monkeypatch):
  model, _ = watched(64)
  told = []
  plain = model.forward

  def forward(*arguments, **options):
    told.append("sent")
    return plain(*arguments, **options).block_until_ready()

  monkeypatch.setattr(model, "forward", forward)
  model.vectors(ids(*[30] * 33), longest=64, moved=told.append)
  assert told == ["sent", 32, "sent", 1]


@pytest.mark.parametrize(
  ("longest", "rows"),
  [(3, (3,)), (31, (31,)), (32, (32,)), (33, (32, 33)), (128, (32, 128)), (512, (32, 128, 512))],
)
def test_row_lengths_ascend_to_the_limit(watched, longest, rows):
  assert row_lengths(longest) == rows
  model, seen = watched(512)
  lengths = [min(length, longest) for length in (2, 3, 5, 22, 42, 132, 502, 702)]
  model.vectors(ids(*lengths), longest=longest)
  assert {length for (_, length), _, _ in seen} == set(rows)
  assert max(position for _, position, _ in seen) == longest - 1
  assert all(segment <= max(1, length // 4) for (_, length), _, segment in seen)
