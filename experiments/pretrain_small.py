"""Small pretraining."""

import ml_collections

from labse_jax.flags import parse_arg


def get_config(arg=None):
  arg = parse_arg(
      arg, data="/tmp/w/data", tokenizer="/tmp/w/vocab", text="", runlocal=False)  # fmt: skip
  config = ml_collections.ConfigDict()
  config.seed = 0

  config.data, config.text, config.tokenizer = arg.data, arg.text, arg.tokenizer
  config.exponent, config.share_tlm = 0.3, 0.5
  config.length, config.batch_rows = 64, 128
  config.rows_of, config.restart_positions = "sentences", False
  config.masking = dict(kind="token", share=0.15, slots=12)

  config.task = "pretrain"
  config.model = dict(
      vocab_size=16_000, width=256, depth=4, heads=4, mlp_width=1024, positions=64, types=2,
      dropout=0.0, epsilon=1e-12, activation="gelu")  # fmt: skip
  config.head = dict(pooling="mean", dense=0)
  config.vocabulary_chunk = 4096
  config.dtype, config.remat = "float32", False
  config.mesh = dict(fsdp=1)
  config.init = ""

  config.optim = dict(clip=1.0, b1=0.9, b2=0.98, epsilon=1e-8, weight_decay=0.01)
  config.schedule = dict(peak=1e-3, warmup=0.05, decay="linear")
  config.stages, config.stacking = ((2, 10), (4, 10)), dict(moments="copy", schedule="continue")
  config.total_steps, config.seconds = 0, 0.0
  config.log_every, config.save_every = 1, 50
  config.evals = dict()
  return config
