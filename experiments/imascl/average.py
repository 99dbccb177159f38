"""Park et al. 2024 with Average labels: the mean of the teacher's similarities in both languages.

python -m labse_jax.train --workdir W \
    --config experiments/imascl/average.py:model=multilingual-e5-base,data=D

The teacher must know all of the languages; hard.py says what may stand after the colon.
"""

from labse_jax.configs.arguments import sibling


def get_config(arg=None):
  hard = sibling(__file__, "hard")
  return hard.with_teacher(
    arg,
    labels="average",
    loss="soft_contrastive",
    temperature=hard.TEMPERATURE,
    teacher_temperature=hard.TEMPERATURE,
  )
