"""LaBSE's sizes are those that its paper and its released model have."""

import jax
import pytest

from labse_jax.configs.architectures import LABSE_HEAD, LABSE_MODEL, tiny
from labse_jax.models import heads


def parameters(model, head):
  shapes = jax.eval_shape(lambda: heads.init(heads.build(model, head), jax.random.key(0)))
  return sum(leaf.size for leaf in jax.tree.leaves(shapes))


def test_labse_has_as_many_parameters_as_bert_base_with_its_table():
  # By hand, BERT-base's tables, 12 layers and a pooler of 768 x 768, which is our dense layer:
  # 501,153 x 768 + 512 x 768 + 2 x 768 + 2 x 768 + 12 x 7,087,872 + 768 x 768 + 768. Our table is
  # padded to a multiple of 128 rows.
  padding = -LABSE_MODEL["vocab_size"] % 128 * LABSE_MODEL["width"]
  assert parameters(LABSE_MODEL, LABSE_HEAD) - padding == 470_926_848


@pytest.mark.parametrize("name", ["types", "positions", "epsilon", "activation"])
def test_the_tiny_form_keeps_what_is_no_size(name):
  assert tiny(LABSE_MODEL)[name] == LABSE_MODEL[name]


def test_the_tiny_form_is_tiny():
  assert parameters(tiny(LABSE_MODEL), LABSE_HEAD | {"dense": 32}) < 1_000_000
