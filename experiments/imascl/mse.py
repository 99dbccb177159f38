"""The MSE distillation that Park et al. 2024 compare with (Reimers and Gurevych 2020).

python -m labse_jax.train --workdir W \
    --config experiments/imascl/mse.py:model=multilingual-e5-base,teacher=FOLDER,data=D

A wider teacher is turned into the student's dimensions. hard.py says what may stand after the
colon.
"""

from labse_jax import model_folder
from labse_jax.configs.arguments import sibling


def get_config(arg=None):
  hard = sibling(__file__, "hard")
  config = hard.with_teacher(arg, labels="priority", loss="mse_distillation")
  teacher = model_folder.describe(config.teacher.model).vector_width
  student = model_folder.describe(config.init).vector_width
  config.teacher.projection = "pca" if teacher > student else ""
  return config
