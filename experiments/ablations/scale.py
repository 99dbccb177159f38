"""What the scale of the similarities is worth: the quickstart with another, fixed or learned.

python -m labse_jax.train --workdir W --config experiments/ablations/scale.py:scale=100,learned=true

The quickstart has 20, fixed; LaBSE's official TensorFlow code 100, CLIP learns it. The other
options after the colon are the quickstart's.
"""

from labse_jax.configs.arguments import sibling, split_arg


def get_config(arg=None):
  own, rest = split_arg(arg, scale=20.0, learned=False)
  config = sibling(__file__, "../quickstart").get_config(rest)
  config.loss_options.scale = own.scale
  config.learned = ("scale",) if own.learned else ()
  return config
