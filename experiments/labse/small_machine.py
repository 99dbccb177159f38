"""LaBSE's dual encoder on one small machine: 470 million parameters, of which a batch moves a part.

bash launch/local.sh -m labse_jax.train --workdir B --config \
    experiments/labse/small_machine.py:data=D,tokenizer=V,init=A/model

The sizes, loss and schedule are paper.py's; the batch is 64 pairs of 64 tokens, and of the word
table AdamW writes the rows that the batch looks up (labse_jax/training/row_sparse.py; times and
memory by benchmarks/row_sparse.py). Without `init` it starts from nothing. `:runlocal` is a tiny
form.
"""

from labse_jax.configs.arguments import sibling


def get_config(arg=None):
  paper = sibling(__file__, "paper")
  config = paper.get_config(f"{arg or ''},stage=dual_encoder")
  config.row_sparse = True
  config.mesh.fsdp = 1
  config.dtype = "float32"
  config.unroll = False
  config.length = 64
  if config.batch_rows > 64:
    config.batch_rows = 64
    config.total_steps = 2_000
  config.schedule.peak = 2e-5  # Ours, for a model that is trained already.
  return config
