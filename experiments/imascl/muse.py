"""The m-USE ranking that Park et al. 2024 compare with: hard negatives (Yang et al. 2020).

python -m labse_jax.hard_negatives --model multilingual-e5-base --data D --k 3 --cosine-margin 0.01
python -m labse_jax.train --workdir W \
    --config experiments/imascl/muse.py:model=multilingual-e5-base,data=D

Three negatives a pair, as in the paper, mined with the student as it starts; the margin is ours,
for the narrow cosines of E5. hard.py says what may stand after the colon.
"""

from labse_jax.configs.arguments import sibling


def get_config(arg=None):
  hard = sibling(__file__, "hard")
  config = hard.get_config(arg)
  config.hard_negatives = dict(model=config.init, k=3, margin=0.01, every=0)
  config.loss = "hard_negative_ranking"
  config.loss_options = dict(scale=1 / hard.TEMPERATURE, margin=0.0)
  return config
