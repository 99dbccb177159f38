"""The two forms of AdamW behind one interface."""

import pytest

from experiments import quickstart
from labse_jax.base.errors import InputError
from labse_jax.tasks import pretrain
from labse_jax.training.optimizers import Dense, RowSparse, optimizer_of


@pytest.mark.parametrize(("row_sparse", "form"), [(False, Dense), (True, RowSparse)])
def test_the_config_chooses_the_form(row_sparse, form):
  config = quickstart.get_config("runlocal")
  with config.unlocked():
    config.row_sparse = row_sparse
  assert type(optimizer_of(config)) is form


def test_the_dense_form_hands_the_state_on():
  optimizer = Dense(quickstart.get_config("runlocal").optim.to_dict())
  state = {"params": {"w": 1}}
  batch = {"tokens": 2}
  narrow, own_batch, rows = optimizer.narrow(state, batch, None)
  assert narrow is state and own_batch is batch
  assert optimizer.widen(state, narrow, rows) is state
  assert optimizer.make_settle(None, None)(state) is state["params"]


def test_a_task_that_reads_the_whole_table_is_refused():
  config = quickstart.get_config("runlocal")
  optimizer = RowSparse(config.optim.to_dict())
  with pytest.raises(InputError, match="reads all rows of the word table"):
    optimizer.check(pretrain.Task, config)
