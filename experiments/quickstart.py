"""A small BERT dual encoder on the translations that Python packages carry.

bash launch/quickstart.sh

It begins without layers: three quarters of the steps train the word table alone, as means of its
rows; on a CPU such a step takes a sixth of the time of one with a layer. Then the layer comes, and
learns what the order and the context of words add (progressive stacking, from no layers on).

`one_stage` has three layers from the first step on: for benchmarks, and larger machines. `init` is
the folder of a finished run's model, that goes on with all of its layers.
"""

import ml_collections

from labse_jax.configs.arguments import left_open, parse_arg

DATA = "runs/quickstart/data"


def get_config(arg=None):
  arg = parse_arg(
    arg,
    data=DATA,
    tokenizer="runs/quickstart/vocabulary",
    held_out="",
    init="",
    seconds=600.0,
    steps=0,
    one_stage=False,
    runlocal=False,
  )
  config = ml_collections.ConfigDict()
  config.seed = 0

  config.data = arg.data
  config.tokenizer = arg.tokenizer
  config.init = arg.init
  config.exponent = 0.3
  config.tokenise_first = True
  config.length = 64
  config.slots = 8
  config.batch_rows = 128

  config.task = "dual_encoder"
  config.model = dict(
    vocab_size=16_000,
    width=256,
    depth=1,
    heads=4,
    mlp_width=512,
    positions=64,
    types=2,
    dropout=0.0,
    attention_dropout=0.0,
    epsilon=1e-12,
    activation="gelu",
  )
  config.head = dict(pooling="mean", dense=0)
  config.loss = "margin_softmax"
  config.loss_options = dict(scale=20.0, margin=0.3)
  config.dtype = "float32"
  config.remat = left_open()
  config.unroll = left_open()
  config.chunks = 1
  config.mesh = dict(fsdp=1)

  config.optim = dict(clip=1.0, b1=0.9, b2=0.98, epsilon=1e-8, weight_decay=0.01)
  config.stages = ((0, 0.75), (1, 0.25))
  config.stacking = dict(moments="copy", schedule="restart")
  config.schedule = dict(peak=(1e-2, 2e-3), warmup=0.05, decay="linear")
  config.total_steps = arg.steps
  config.seconds = 0.0 if arg.steps else arg.seconds

  config.log_every = 10
  config.save_every = 50
  config.evals = dict()
  if arg.data == DATA:
    # (steps of a whole run, its accuracy on held-out messages of 43 languages), measured.
    config.expected = ((150, 0.65), (500, 0.85), (2863, 0.91))
  if arg.held_out:
    languages = "deu,jpn,rus,spa,tur,vie"
    config.evals.held_out = dict(type="tatoeba", every=500, data=arg.held_out, languages=languages)
  if arg.one_stage or arg.init:
    config.expected = ()
    config.stages = ()
    config.schedule = dict(peak=2e-3, warmup=0.05, decay="linear")
  if arg.one_stage:
    config.model.update(depth=3, mlp_width=1024)
    config.tokenise_first = False
  if arg.runlocal:
    config.model.update(vocab_size=2_000, width=32, mlp_width=64)
    if arg.one_stage:
      config.model.depth = 2
    config.batch_rows = 16
    config.total_steps = arg.steps or 4
    config.seconds = 0.0
  return config
