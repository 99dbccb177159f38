"""LaBSE as the official TensorFlow code is configured: not the paper's lengths, rates and steps.

python -m labse_jax.train --config experiments/labse/official_tf.py:data=D,text=T,tokenizer=V \
    --workdir A
python -m labse_jax.train --workdir B --config \
    experiments/labse/official_tf.py:stage=dual_encoder,data=D,tokenizer=V,init=A/model

The sources are in github.com/tensorflow/models: official/projects/labse/experiments/labse_base.yaml
("yaml" below) and official/nlp/tasks/progressive_masked_lm.py ("progressive"). What they leave to
the user, such as the batch of pretraining, is paper.py's. That code takes negatives from each
replica alone; here they come from all devices. `:runlocal` is a tiny form, as in paper.py.
"""

from labse_jax.configs.arguments import parse_arg, sibling


def get_config(arg=None):
  paper = sibling(__file__, "paper")
  config = paper.get_config(arg)
  change = {"pretrain": pretrain, "dual_encoder": dual_encoder}[config.task]
  change(config, parse_arg(arg, **paper.OPTIONS).runlocal)
  return config


def pretrain(config, runlocal):
  """Three stages, each with an optimiser and a schedule of its own (progressive)."""
  if not runlocal:
    config.stages = ((3, 112_500), (6, 112_500), (12, 450_000))  # progressive
  config.stacking = dict(moments="reset", schedule="restart")
  steps = [steps for _, steps in config.stages]
  config.schedule = dict(
    peak=1e-4,
    warmup=tuple(min(10_000 / count, 0.5) for count in steps),
    decay=("constant", "constant", "linear"),
  )


def dual_encoder(config, runlocal):
  """The yaml's batch, loss and optimiser."""
  config.length = 32  # yaml: max_sequence_length
  config.loss_options = dict(scale=100.0, margin=0.3)  # yaml: logit_scale, logit_margin
  config.optim = dict(clip=100.0, b1=0.9, b2=0.999, epsilon=1e-5, weight_decay=0.0)  # yaml
  config.schedule = dict(peak=1e-4, warmup=5_000 / 500_000, decay="linear")  # yaml
  if not runlocal:
    # yaml
    config.batch_rows = 4_096
    config.total_steps = 500_000
