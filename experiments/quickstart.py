"""A small BERT dual encoder on the translations that Python packages carry.

bash launch/quickstart.sh
"""

import ml_collections

from labse_jax.configs.arguments import parse_arg


def get_config(arg=None):
  arg = parse_arg(
    arg,
    data="runs/quickstart/data",
    tokenizer="runs/quickstart/vocabulary",
    held_out="",
    init="",
    seconds=480.0,
    steps=0,
    runlocal=False,
  )
  config = ml_collections.ConfigDict()
  config.seed = 0

  config.data, config.tokenizer, config.init = arg.data, arg.tokenizer, arg.init
  config.exponent = 0.3
  config.length, config.slots, config.batch_rows = 64, 8, 128

  config.task = "dual_encoder"
  config.model = dict(
    vocab_size=16_000,
    width=256,
    depth=3,
    heads=4,
    mlp_width=1024,
    positions=64,
    types=2,
    dropout=0.0,
    epsilon=1e-12,
    activation="gelu",
  )
  config.head = dict(pooling="mean", dense=0)
  config.loss = "margin_softmax"
  config.loss_options = dict(scale=20.0, margin=0.3)
  config.dtype, config.remat, config.unroll, config.chunks = "float32", False, True, 1
  config.mesh = dict(fsdp=1)

  config.optim = dict(clip=1.0, b1=0.9, b2=0.98, epsilon=1e-8, weight_decay=0.01)
  config.schedule = dict(peak=2e-3, warmup=0.05, decay="linear")
  config.total_steps, config.seconds = arg.steps, 0.0 if arg.steps else arg.seconds

  config.log_every, config.save_every = 10, 50
  config.evals = dict()
  if arg.held_out:
    languages = "deu,jpn,rus,spa,tur,vie"
    config.evals.held_out = dict(type="tatoeba", every=100, data=arg.held_out, languages=languages)
  if arg.runlocal:
    config.model.update(vocab_size=2_000, width=32, depth=2, mlp_width=64)
    config.batch_rows, config.total_steps, config.seconds = 16, arg.steps or 4, 0.0
  return config
