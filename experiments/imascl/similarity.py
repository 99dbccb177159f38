"""The teacher's similarities themselves instead of labels ("MMSE" in the code of Park et al. 2024).

python -m labse_jax.train --workdir W \
    --config experiments/imascl/similarity.py:model=multilingual-e5-base,teacher=FOLDER,data=D

hard.py says what may stand after the colon.
"""

from labse_jax.configs.arguments import sibling


def get_config(arg=None):
  return sibling(__file__, "hard").with_teacher(
    arg, labels="priority", loss="similarity_distillation"
  )
