"""LaBSE as the paper trains it (Feng et al. 2022, arXiv 2007.01852).

python -m labse_jax.vocabulary --data D --kind wordpiece --pieces 501153 --exponent 0.3 \
    --sentences 50000000 --output V
python -m labse_jax.train --config experiments/labse/paper.py:data=D,text=T,tokenizer=V --workdir A
python -m labse_jax.train --workdir B --config \
    experiments/labse/paper.py:stage=dual_encoder,data=D,tokenizer=V,init=A/model

`data` and `text` are what labse_jax.prepare made of pairs and of text (`--format text`, lines of 10
to 5,000 characters). Pretraining ran on 512 TPU v3 cores, the dual encoder on 32; `labse_jax.plan`
says what other slices hold. The paper reaches 83.7 on the 112 languages of Tatoeba (its abstract);
nobody has run this config whole. `:runlocal` trains a tiny form on the quickstart's data, in a
minute.
"""

from typing import Any

import ml_collections

from labse_jax.base.errors import known
from labse_jax.configs.architectures import LABSE_HEAD, LABSE_MODEL, tiny
from labse_jax.configs.arguments import left_open, parse_arg

OPTIONS: dict[str, Any] = dict(
  stage="pretrain", data="", text="", tokenizer="", init="", runlocal=False
)


def get_config(arg=None):
  arg = parse_arg(arg, **OPTIONS)
  quick = "runs/quickstart/{}" if arg.runlocal else "runs/labse/{}"
  config = ml_collections.ConfigDict()
  config.seed = 0

  config.data = arg.data or quick.format("data")
  config.init = arg.init
  config.tokenizer = arg.tokenizer or quick.format("vocabulary")
  config.exponent = 0.3  # Sec. 3.1, of the vocabulary; of the batches too here.

  config.model = tiny(LABSE_MODEL) if arg.runlocal else LABSE_MODEL
  config.dtype = "bfloat16"
  config.remat = left_open()
  config.unroll = left_open()

  # AdamW as BERT's released code has it; the paper names no other numbers.
  config.optim = dict(clip=1.0, b1=0.9, b2=0.999, epsilon=1e-6, weight_decay=0.01)
  config.total_steps = 0
  config.seconds = 0.0
  config.log_every = 100
  config.save_every = 1_000
  config.evals = dict()
  stages = {"pretrain": pretrain, "dual_encoder": dual_encoder}
  known("stage", arg.stage, stages)
  stages[arg.stage](config, arg)
  return config


def pretrain(config, arg):
  """Masked and translation language modelling, three stages of progressive stacking (sec. 3.1)."""
  config.task = "pretrain"
  config.text = arg.text or ("" if arg.runlocal else "runs/labse/text")
  config.head = dict(pooling="mean", dense=0)  # Of the folder that is written; the loss has none.
  config.rows_of = "documents" if config.text else "sentences"
  config.share_tlm = 0.5  # Ours: the paper does not say.
  config.restart_positions = False
  # recalled, not checked
  config.batch_rows = 8_192
  config.length = 512
  # recalled, not checked: 20 %, at most 80; that is 80 of a full row.
  config.masking = dict(kind="token", share=0.2, slots=80)
  config.vocabulary_chunk = 4_096
  config.mesh = dict(fsdp=8)  # Each group of 8 cores holds one table and its optimiser's state.

  config.stages = ((3, 400_000), (6, 800_000), (12, 1_800_000))  # recalled, not checked
  config.stacking = dict(moments="copy", schedule="continue")
  # The peak and the warm-up are the official TensorFlow code's (see official_tf.py).
  config.schedule = dict(peak=1e-4, warmup=10_000 / 3_000_000, decay="linear")
  if arg.runlocal:
    config.batch_rows = 16
    config.length = 64
    config.masking.slots = 10
    config.stages = ((1, 2), (2, 2), (4, 4))
    config.mesh.fsdp = 1
    config.log_every = 1


def dual_encoder(config, arg):
  """Translation ranking with additive margin softmax (sec. 2.1, 3.2)."""
  config.task = "dual_encoder"
  config.chunks = 1
  config.head = LABSE_HEAD | dict(dense=config.model.width)
  # recalled, not checked
  config.slots = 1
  config.batch_rows = 4_096
  config.length = 128
  config.loss = "margin_softmax"
  # Margin: Yang et al. 2019, sec. 4. Scale: vectors are scaled by 10 (recalled, not checked).
  config.loss_options = dict(scale=100.0, margin=0.3)
  config.mesh = dict(fsdp=4)
  config.total_steps = 50_000  # recalled, not checked
  config.schedule = dict(peak=1e-3, warmup=0.05, decay="linear")  # Peak recalled; warm-up ours.
  if arg.runlocal:
    config.batch_rows = 16
    config.total_steps = 4
    config.mesh.fsdp = 1
    config.log_every = 1
