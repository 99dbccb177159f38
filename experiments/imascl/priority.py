"""Park et al. 2024 with Priority labels: the teacher's similarities within the anchor's language.

python -m labse_jax.train --workdir W \
    --config experiments/imascl/priority.py:model=multilingual-e5-base,teacher=FOLDER,data=D

The teacher may know the anchors' languages alone; hard.py says what may stand after the colon.
"""

from labse_jax.configs.arguments import sibling


def get_config(arg=None):
  hard = sibling(__file__, "hard")
  return hard.with_teacher(
    arg,
    labels="priority",
    loss="soft_contrastive",
    temperature=hard.TEMPERATURE,
    teacher_temperature=hard.TEMPERATURE,
  )
