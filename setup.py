"""The part of the build that pyproject.toml has no words for: experiments go into the wheel."""

import pathlib
import shutil

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithExperiments(build_py):
  """Copies experiments/ to labse_jax/experiments in a wheel; a clone has them at its top."""

  def run(self):
    super().run()
    if self.editable_mode:
      return
    for source in sorted(pathlib.Path("experiments").rglob("*.py")):
      target = pathlib.Path(self.build_lib, "labse_jax", source)
      target.parent.mkdir(parents=True, exist_ok=True)
      shutil.copyfile(source, target)


setup(cmdclass={"build_py": BuildWithExperiments})
