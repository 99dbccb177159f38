"""Your own bitext on top of a model that exists: LaBSE, multilingual E5, MiniLM, or one of yours.

python -m labse_jax.prepare --input my.tsv --source-language eng --target-language deu \
    --held-out 500 --output runs/mine/data
python -m labse_jax.train --workdir runs/mine/tuned \
    --config experiments/finetune.py:model=FOLDER,data=runs/mine/data

Architecture, head, tokenizer, prompts and longest sentence are those of FOLDER, any that
`labse_jax.encode` opens, and runs/mine/tuned/model is a folder with the same. What stands after
the colon may also be `steps`, `batch_rows` (of `length` tokens, 128, with up to 8 pairs each; 64,
or on a CPU 8 for each core), `held_out`, a folder like Tatoeba's to evaluate on every 100 steps,
and `prompt`, for a FOLDER that does not say what its model wants before each text. `:runlocal`
takes 4 steps from the quickstart's model, on its data.
"""

import pathlib

import ml_collections

from labse_jax import model_folder
from labse_jax.base.errors import InputError
from labse_jax.base.files import read_json
from labse_jax.configs.arguments import left_open, parse_arg


def get_config(arg=None):
  arg = parse_arg(
    arg,
    model="",
    data="",
    held_out="",
    prompt="",
    steps=1_000,
    batch_rows=0,
    length=128,
    runlocal=False,
  )
  if arg.runlocal:
    quick = dict(model="runs/quickstart/model", data="runs/quickstart/data")
    arg.update({name: arg[name] or path for name, path in quick.items()})
    arg.steps = 4
    arg.batch_rows = 16
    arg.length = 32
  if not arg.model:
    raise InputError("Give a model: --config experiments/NAME.py:model=FOLDER,data=FOLDER.")
  start = model_folder.describe(arg.model)
  config = ml_collections.ConfigDict()
  config.seed = 0

  config.init = arg.model
  config.tokenizer = str(start.tokenizer_file.parent)
  config.data = arg.data or "runs/mine/data"
  config.exponent = 0.3
  config.language_pairs = ()
  config.homogeneous = False
  config.no_repeats = False

  config.task = "dual_encoder"
  config.model = start.model
  config.head = start.head
  config.max_length = start.max_length
  config.prompts = start.prompts
  config.default_prompt = start.default_prompt
  if arg.prompt:
    config.prompts = start.prompts | {"train": arg.prompt}
    config.default_prompt = "train"
  config.length = min(arg.length, start.max_length)
  config.slots = max(4, arg.length // 16)
  config.batch_rows = arg.batch_rows  # 0: by the machine (configs/machine_rows.py).
  config.chunks = 1
  config.freeze = (_old_pieces(arg.model),)
  config.loss = "margin_softmax"
  # Scale: E5's temperature is 0.01 (Wang et al. 2022), LaBSE's official TensorFlow code has 100.
  # A margin of 0.3 at scale 20 asks for more room than E5's cosines have, 0.7 to 1, and helped less
  # here, most of all in languages that the bitext lacks (docs/fine_tuning.md has the numbers).
  config.loss_options = dict(scale=100.0, margin=0.0)
  config.exchange = "gather"
  config.learned = ()
  config.matryoshka = ()
  config.dtype = "float32"
  config.remat = left_open()
  config.unroll = left_open()
  config.mesh = dict(fsdp=1)

  # Devlin et al. 2019, app. A: AdamW as BERT has it; of its rates for fine-tuning the smallest.
  config.optim = dict(clip=1.0, b1=0.9, b2=0.999, epsilon=1e-6, weight_decay=0.01)
  config.schedule = dict(peak=2e-5, warmup=0.1, decay="linear")
  config.total_steps = arg.steps
  config.seconds = 0.0

  config.log_every = 10
  config.save_every = 100
  config.evals = dict()
  if arg.held_out:
    config.evals.held_out = dict(type="tatoeba", every=100, data=arg.held_out)
  return config


def _old_pieces(model):
  """The path of the word table, or of the rows that it had before `labse_jax.extend` added some.

  Most of a multilingual model is this table: of LaBSE 82 %. Left as it is, it needs no gradient
  and no moments, and languages that the bitext lacks keep their words.
  """
  path = pathlib.Path(model) / "new_pieces.json"
  if not path.exists():
    return "bert/word_embedding"
  first = read_json(path).get("first_id")
  if type(first) is not int or first < 1:
    raise InputError(f"{path}: first_id is {first!r}; the id of the first new piece is needed.")
  return f"bert/word_embedding:{first}"
