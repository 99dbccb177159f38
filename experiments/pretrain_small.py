"""LaBSE's two halves at the size of one machine: pretraining in stages, then the dual encoder.

python -m labse_jax.train --config experiments/pretrain_small.py:data=D,tokenizer=V --workdir runs/a
python -m labse_jax.train --config \
    experiments/pretrain_small.py:data=D,tokenizer=V,stage=dual_encoder,init=runs/a/model \
    --workdir runs/b

`data` is what labse_jax.prepare made of pairs, `text` what it made of text (without it, the pairs'
sides are read), `tokenizer` what labse_jax.vocabulary made. `steps` are those of the stages of 1, 2
and 4 layers, 400/300/500 by default; one number trains all 4 layers from the start.
"""

import ml_collections

from labse_jax.base.errors import InputError, known
from labse_jax.configs.arguments import left_open, parse_arg

DEPTH = 4


def get_config(arg=None):
  arg = parse_arg(
    arg,
    data="runs/pairs",
    text="",
    tokenizer="runs/vocabulary",
    stage="pretrain",
    init="",
    steps="400/300/500",
    runlocal=False,
  )
  config = ml_collections.ConfigDict()
  config.seed = 0

  config.data = arg.data
  config.tokenizer = arg.tokenizer
  config.init = arg.init
  config.exponent = 0.3

  config.model = dict(
    vocab_size=8_000,
    width=256,
    depth=DEPTH,
    heads=4,
    mlp_width=1024,
    positions=128,
    types=2,
    dropout=0.0,
    attention_dropout=0.0,
    epsilon=1e-12,
    activation="gelu",
  )
  config.head = dict(pooling="mean", dense=0)
  config.dtype = "float32"
  config.remat = left_open()
  config.mesh = dict(fsdp=1)

  config.optim = dict(clip=1.0, b1=0.9, b2=0.98, epsilon=1e-8, weight_decay=0.01)
  config.schedule = dict(peak=1e-3, warmup=0.05, decay="linear")
  config.total_steps = 0
  config.seconds = 0.0
  config.log_every = 10
  config.save_every = 100
  config.evals = dict()
  if arg.runlocal:
    config.model.update(vocab_size=2_000, width=32, mlp_width=64)

  try:
    steps = [int(part) for part in ("2/1/1" if arg.runlocal else arg.steps).split("/")]
  except ValueError:
    raise InputError(
      f"steps={arg.steps}: numbers such as 400/300/500, or one, are needed."
    ) from None
  stages = {"pretrain": _pretrain, "dual_encoder": _dual_encoder}
  known("stage", arg.stage, stages)
  stages[arg.stage](config, arg, steps)
  return config


def _pretrain(config, arg, steps):
  config.task = "pretrain"
  config.text = arg.text
  config.share_tlm = 0.5
  config.rows_of = "sentences"
  config.restart_positions = False
  config.length = 128
  config.batch_rows = 16 if arg.runlocal else 64
  config.masking = dict(kind="token", share=0.15, slots=24)
  config.vocabulary_chunk = 4_096
  # A quarter of the layers, half of them, all of them (Feng et al. 2022, sec. 3.1).
  depths = [DEPTH // 2**n for n in range(len(steps))][::-1]
  config.stages = tuple(zip(depths, steps, strict=True))
  config.stacking = dict(moments="copy", schedule="continue")


def _dual_encoder(config, arg, steps):
  config.task = "dual_encoder"
  config.chunks = 1
  config.length = 64
  config.slots = 8
  config.batch_rows = 16 if arg.runlocal else 128
  config.loss = "margin_softmax"
  config.loss_options = dict(scale=20.0, margin=0.3)
  config.total_steps = sum(steps)
