"""Training that starts from the weights of model folders: config.init, and a teacher's."""

import dataclasses

import jax
import numpy as np

from labse_jax import model_folder
from labse_jax.base.console import say, warn
from labse_jax.base.errors import InputError
from labse_jax.base.types import Params
from labse_jax.model_folder import known_models
from labse_jax.tokenizer.tokenizer import Tokenizer
from labse_jax.training.encoder_task import EncoderTask

FREE = ("dropout", "attention_dropout")  # Of the model's section, what a folder need not share.
HEAD = ("pooling", "dense_activation")
WORDS = {  # The parts of the parameters, as a person calls them.
  "bert": "the encoder",
  "dense": "the dense layer after it",
  "masked_lm": "the head of masked language modelling",
  "logit_scale": "the options of the loss that are learned",
}


def check_init(task: EncoderTask) -> None:
  """Raises InputError where the folder does not suit the task; reads none of its tensors.

  Says where the task does not train a well-known model as that was made.
  """
  folder = model_folder.located(task.config.init)
  content = model_folder.describe(folder)
  _check(content, task)
  content = dataclasses.replace(content, head=task.head, **task.limits)
  for warning in known_models.warnings(folder, content, task.tokenizer()):
    warn(warning)


def warm_start(params: Params, task: EncoderTask) -> Params:
  """Returns fresh `params` with the weights of config.init and `task.other_models` in them."""
  taken = _of_init(params, task) if task.config.get("init") else {}
  taken |= {name: model_folder.read(folder).params for name, folder in task.other_models.items()}

  def put(old, new):
    return jax.make_array_from_callback(new.shape, old.sharding, new.__getitem__)

  return params | jax.tree.map(put, {name: params[name] for name in taken}, taken)


def _of_init(params, task):
  """What the folder of config.init has of `params`; says what."""
  folder = task.config.init
  say(f"reading the weights of {folder}.")
  content = model_folder.read(folder, pretraining=True)
  _check(content, task)

  def shapes(tree):
    return jax.tree.map(np.shape, tree)

  taken = {}
  for name, value in content.params.items():
    if name in params and shapes(value) == shapes(params[name]):
      taken[name] = value
  if "dense" in taken and any(content.head[name] != task.head.get(name) for name in HEAD):
    del taken["dense"]  # Trained under another pooling or activation, it says something else.
  fresh = sorted(task.own(params).keys() - taken.keys())
  said = f"weights taken from {folder}: {_in_words(sorted(taken)) or 'none'}"
  if fresh:
    said += f"; begun anew: {_in_words(fresh)}"
  say(f"{said}.")
  return taken


def _in_words(parts):
  return " and ".join(WORDS.get(name, name) for name in parts)


def _check(content, task):
  """The folder's encoder, vocabulary and prompt must be the task's own."""
  folder = task.config.init
  bert = task.module.bert  # Its fields are the model's section with what that leaves out.
  differs = []
  for name, value in content.model.items():
    own = getattr(bert, name)
    if name not in FREE and value != own:
      differs.append(f"{name} {value} instead of {own}")
  if differs:
    raise InputError(f"config.init = {folder}: another model: {', '.join(differs)}.")
  tokenizer = task.tokenizer()
  same = content.tokenizer_file.samefile(tokenizer.path)
  if not same and Tokenizer(content.tokenizer_file).content != tokenizer.content:
    raise InputError(f"config.init = {folder}: another vocabulary than {task.config.tokenizer}.")
  prompt = content.prompt
  if prompt and prompt != task.prompt:
    raise InputError(
      f"config.init = {folder}: puts {prompt!r} before each text, this config "
      f"{task.prompt!r}; give its prompts and default_prompt."
    )
