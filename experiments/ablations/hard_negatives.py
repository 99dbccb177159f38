"""What mined hard negatives are worth: the quickstart with K a pair (LaBSE's authors saw no gain).

python -m labse_jax.hard_negatives --model runs/quickstart/model --data runs/quickstart/data --k 1
python -m labse_jax.train --workdir W --config experiments/ablations/hard_negatives.py:k=1

They are mined with `miner`, a model folder. The other options after the colon are the
quickstart's.
"""

from labse_jax.configs.arguments import sibling, split_arg


def get_config(arg=None):
  own, rest = split_arg(arg, miner="runs/quickstart/model", k=1, every=0)
  config = sibling(__file__, "../quickstart").get_config(rest)
  config.hard_negatives = dict(model=own.miner, k=own.k, every=own.every)
  config.loss = "hard_negative_ranking"
  return config
