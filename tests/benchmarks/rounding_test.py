"""What accelerators round: no farther from float64 than what a CPU gives in bfloat16."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import rounding
from labse_jax.models.bert import Bert
from tests.support import bert_in_float64

FIELDS = dict(
  vocab_size=100,
  width=256,
  depth=3,
  heads=4,
  mlp_width=512,
  positions=256,
  types=2,
  dropout=0.0,
  attention_dropout=0.0,
  epsilon=1e-12,
)
LENGTH = 256  # Splash attention begins there.


@pytest.fixture(scope="module")
def batches():
  rng = np.random.default_rng(0)
  made = []
  for _ in range(4):
    segments_BL = np.sort(rng.integers(1, 4, (8, LENGTH)), 1).astype(np.int32)
    tokens_BL = rng.integers(5, 100, (8, LENGTH)).astype(np.int32)
    positions_BL = np.tile(np.arange(LENGTH, dtype=np.int32), (8, 1))
    made.append(rounding.Batch(tokens_BL, segments_BL, positions_BL))
  return made


@pytest.fixture(scope="module")
def params(batches):
  """Fresh weights with noise, about as large as trained ones."""
  fresh = Bert(**FIELDS).init(jax.random.key(0), *batches[0])["params"]
  rng = np.random.default_rng(1)
  return jax.tree.map(lambda x: np.float32(x + 0.1 * rng.normal(size=x.shape)), fresh)


def test_the_encoder_in_float64_is_the_encoder(batches, params):
  found = Bert(**FIELDS, attention="cpu").apply({"params": params}, *batches[0])
  with jax.enable_x64(True):
    wide = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), params)
    expected = bert_in_float64.encode(wide, *batches[0], heads=FIELDS["heads"])
    assert expected.dtype == jnp.float64
  np.testing.assert_allclose(found, expected, atol=2e-5)


def test_a_way_that_there_is_not_is_refused(tmp_path, capsys):
  output = tmp_path / "rounding.json"
  with pytest.raises(SystemExit) as stop:
    rounding.main(
      ["--model=none", "--text", "a", "b", f"--output={output}", "--ways", "cpu", "flash"]
    )
  assert stop.value.code == 2 and "invalid choice: 'flash'" in capsys.readouterr().err


@pytest.mark.heavy
@pytest.mark.parametrize("way", ["xla", pytest.param("splash", marks=pytest.mark.slow)])
def test_an_accelerators_errors_are_at_most_half_as_large_again(batches, params, way):
  found = rounding.errors(FIELDS, params, batches, ["cpu", way])
  assert 1e-5 < found["cpu"].loss < 0.1
  assert 1e-3 < found["cpu"].gradient < 0.5
  assert found[way].loss < 1.5 * found["cpu"].loss
  assert found[way].gradient < 1.5 * found["cpu"].gradient
