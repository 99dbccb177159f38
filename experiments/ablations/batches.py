"""What batches of one pair of languages are worth: the quickstart with those, or without repeats.

python -m labse_jax.train --workdir W --config experiments/ablations/batches.py:homogeneous=true

The quickstart mixes languages, and one text may stand in a batch twice, masked in the loss. The
other options after the colon are the quickstart's.
"""

from labse_jax.configs.arguments import sibling, split_arg


def get_config(arg=None):
  own, rest = split_arg(arg, homogeneous=True, no_repeats=False)
  config = sibling(__file__, "../quickstart").get_config(rest)
  config.homogeneous = own.homogeneous
  config.no_repeats = own.no_repeats
  return config
