"""Soft contrastive alignment (Park et al. 2024, arXiv 2405.16155): the baseline, with hard labels.

python -m labse_jax.train --workdir W \
    --config experiments/imascl/hard.py:model=multilingual-e5-base,data=D

The other files here change the loss and nothing else: priority.py, average.py, tcm.py, mse.py,
similarity.py and muse.py. `model` is the student, a folder; `teacher` another, by default the same;
D is made by labse_jax.prepare of pairs of English, Russian, Japanese, French and Korean. The
paper trains on Tatoeba, GlobalVoices, TED and others of OPUS, 57,600 to 153,900 pairs a language
pair (tab. 11). Numbers are of github.com/YAI12xLinq-B/IMASCL: train.sh ("sh"), train.py ("py") and,
where those leave it to transformers, of its Trainer. A pair is a row of `length` tokens there; here
`rows` of `slots` pairs each are packed, and slots = 1 is theirs. What came out on a smaller model
is in docs/losses.md; `:runlocal` takes 4 steps from the quickstart's model, on its data.
"""

import pathlib
from typing import Any

from labse_jax.base.files import read_json
from labse_jax.configs.arguments import parse_arg, sibling

OPTIONS: dict[str, Any] = dict(
  model="",
  teacher="",
  data="",
  held_out="",
  steps=0,
  batch_rows=32,
  slots=1,
  length=512,
  runlocal=False,
)
ORDER = ("eng", "rus", "jpn", "fra", "kor")  # The paper's: the anchor is the earlier language.
TEMPERATURE = 0.1  # py: tau, of the student and of the teacher.


def get_config(arg=None):
  arg = options(arg)
  of_finetune = "".join(f"{name}={arg[name]}," for name in ("model", "data", "held_out"))
  finetune = sibling(__file__, "../finetune")
  config = finetune.get_config(of_finetune + "runlocal" * arg.runlocal)
  config.freeze = ()
  config.loss = "hard_contrastive"
  config.loss_options = dict(temperature=TEMPERATURE)
  config.homogeneous = True  # py: group_by_length, with an index of each language pair.
  config.exponent = 1.0  # py: datasets are concatenated.
  config.exchange = "gather"  # sh: cross_acc_sampling

  # sh: 14 pairs on each of 2 devices; the paper says 32. 30 epochs of about a million pairs.
  config.optim = dict(clip=1.0, b1=0.9, b2=0.999, epsilon=1e-8, weight_decay=0.0)  # Trainer
  config.schedule = dict(peak=3e-5, warmup=0.0, decay="linear")  # py; decay: Trainer
  if not arg.runlocal:
    config.batch_rows = arg.batch_rows
    config.slots = arg.slots
    config.length = min(arg.length, config.max_length)  # py: max_length = 512
    config.total_steps = arg.steps or 1_000_000
    config.log_every = 100
    config.save_every = min(10_000, max(1, config.total_steps // 10))  # py: eval_steps, 10,000
  return config


def options(arg):
  """What stands after the colon, the same for all files here."""
  return parse_arg(arg, **OPTIONS)


def with_teacher(arg, *, labels, loss, **loss_options):
  """The same config with a teacher, and a loss that learns from it."""
  config, arg = get_config(arg), options(arg)
  order = languages(config.data) if arg.runlocal else ORDER
  config.teacher = dict(
    model=arg.teacher or config.init, labels=labels, order=order, where="stored", projection=""
  )
  config.loss = loss
  config.loss_options = loss_options
  return config


def languages(data):
  """English and the other languages of a dataset."""
  pairs = read_json(pathlib.Path(data) / "language_pairs.json", [], kind=list)
  return ("eng", *sorted({code for pair in pairs for code in pair.split("-")} - {"eng"}))
