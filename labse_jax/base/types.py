"""Names of types that several folders use; nothing heavy is imported for them."""

from collections.abc import Callable, Sequence
import os
import typing

if typing.TYPE_CHECKING:
  from ml_collections import ConfigDict
  import numpy as np

PathLike = str | os.PathLike[str]
# A config of an experiment, or a section of it.
Config: typing.TypeAlias = "ConfigDict"
# Sentences -> their vectors, float32 [N, D].
Encode: typing.TypeAlias = "Callable[[Sequence[str]], np.ndarray]"
# A tree of parameters, as flax nests them: {name: tree or array}.
Params = dict[str, typing.Any]
