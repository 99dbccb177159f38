"""Training that starts from the weights of a model folder."""

import pathlib

import jax
import numpy as np

from labse_jax import folder as model_folder
from labse_jax.data.tokenizer import Tokenizer
from labse_jax.errors import InputError
from labse_jax.hosts import say

FREE = ("dropout",)  # Of the model's section, what a folder need not share.
HEAD = ("pooling", "dense_activation")


def warm_start(params, folder, task):
  """Fresh `params` of a task with a folder's in their place, where it has them; says which.

  The folder's encoder and vocabulary must be the task's own; raises InputError where they differ.
  """
  content = model_folder.read(pathlib.Path(folder), pretraining=True)
  differs = [
    f"{name} {content.model[name]} instead of {value}"
    for name, value in task.model.items()
    if name not in FREE and content.model[name] != value
  ]
  if differs:
    raise InputError(f"config.init = {folder}: another model: {', '.join(differs)}.")
  if Tokenizer(content.tokenizer_file).content != task.tokenizer().content:
    raise InputError(f"config.init = {folder}: another vocabulary than {task.config.tokenizer}.")
  if content.default_prompt:
    raise InputError(f"config.init = {folder}: its default prompt {content.default_prompt!r} would "
                     "be lost; training puts no prompt before a text.")  # fmt: skip
  shapes = lambda tree: jax.tree.map(np.shape, tree)
  taken = {name: value for name, value in content.params.items()
           if name in params and shapes(value) == shapes(params[name])}  # fmt: skip
  if "dense" in taken and any(content.head[name] != task.head.get(name) for name in HEAD):
    del taken["dense"]  # Trained under another pooling or activation, it says something else.
  fresh = sorted(params.keys() - taken.keys())
  say(f"{folder}: {', '.join(sorted(taken))} taken" + f"; {', '.join(fresh)} fresh." * bool(fresh))
  put = lambda old, new: jax.make_array_from_callback(new.shape, old.sharding, new.__getitem__)
  return params | jax.tree.map(put, {name: params[name] for name in taken}, taken)
