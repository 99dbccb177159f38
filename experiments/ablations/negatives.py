"""What negatives from all devices are worth: the quickstart with those of each device alone.

python -m labse_jax.train --workdir W --config experiments/ablations/negatives.py:exchange=local

`exchange` is gather (the quickstart's), ring, of the same result, or local. On a CPU that simulates
eight devices each has an eighth of the batch. The other options after the colon are the
quickstart's.
"""

from labse_jax.configs.arguments import sibling, split_arg


def get_config(arg=None):
  own, rest = split_arg(arg, exchange="local")
  config = sibling(__file__, "../quickstart").get_config(rest)
  config.exchange = own.exchange
  return config
