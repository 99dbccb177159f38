"""Park et al. 2024, Priority + TCM: soft labels across languages and within each.

python -m labse_jax.train --workdir W \
    --config experiments/imascl/tcm.py:model=multilingual-e5-base,teacher=FOLDER,data=D

hard.py says what may stand after the colon.
"""

from labse_jax.configs.arguments import sibling


def get_config(arg=None):
  hard = sibling(__file__, "hard")
  return hard.with_teacher(
    arg,
    labels="priority",
    loss="tcm",
    temperature=hard.TEMPERATURE,
    teacher_temperature=hard.TEMPERATURE,
    cross=1 / 3,
  )
