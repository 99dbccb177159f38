"""What the number of pairs, and so of negatives, is worth: the quickstart with larger batches.

python -m labse_jax.train --workdir W --config experiments/ablations/batch_size.py:times=4

A batch has `times` the quickstart's 128 rows of up to 8 pairs, and is encoded in as many parts; the
negatives are those of all rows. The other options after the colon are the quickstart's.
"""

from labse_jax.configs.arguments import sibling, split_arg


def get_config(arg=None):
  own, rest = split_arg(arg, times=4)
  config = sibling(__file__, "../quickstart").get_config(rest)
  config.batch_rows = own.times * config.batch_rows
  config.chunks = own.times
  return config
