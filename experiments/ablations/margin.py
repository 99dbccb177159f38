"""What the additive margin is worth: the quickstart with another.

python -m labse_jax.train --workdir W --config experiments/ablations/margin.py:margin=0.0

The options after the colon are this one and the quickstart's, which has 0.3.
"""

from labse_jax.configs.arguments import sibling, split_arg


def get_config(arg=None):
  own, rest = split_arg(arg, margin=0.3)
  config = sibling(__file__, "../quickstart").get_config(rest)
  config.loss_options.margin = own.margin
  return config
