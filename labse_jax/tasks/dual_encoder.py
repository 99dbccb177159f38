"""Translation ranking: pairs of packed rows, one encoder, negatives from every device."""

from collections.abc import Mapping
import functools
import inspect
import pathlib
from typing import TYPE_CHECKING

import jax
from jax.experimental import multihost_utils
import jax.numpy as jnp
from jax.typing import DTypeLike
import numpy as np

from labse_jax import model_folder
from labse_jax.base.console import is_main, say
from labse_jax.base.errors import InputError, known
from labse_jax.base.plugins import is_file
from labse_jax.base.sharding import BATCH, split_rows
from labse_jax.base.types import Config, Params
from labse_jax.configs.loss_options import completed, loss_function
from labse_jax.data.batches import pairs, streams
from labse_jax.data.dataset import open_dataset
from labse_jax.losses.shared import contract
from labse_jax.losses.shared.exchange import EXCHANGES, Spread
from labse_jax.losses.shared.matryoshka import matryoshka
from labse_jax.models import attention, heads
from labse_jax.supervision import hard_negatives, teachers
from labse_jax.training import monitors
from labse_jax.training.encoder_task import EncoderTask

if TYPE_CHECKING:
  import grain

LEARNED = "logit_scale"  # The parameters that are options of the loss; no part of a model.
POSITIVE = ("scale", "temperature")  # Learned as logarithms, so that they stay positive.
# A margin or another option that is learned would lower the loss without better vectors.
LEARNABLE = {*POSITIVE, "bias"}
INPUTS = ("tokens", "segments", "positions")
TEACHER = "teacher"  # The parameters of a teacher that runs in the step.
SUBTRACT = ("mse_distillation",)  # Losses that take the student's vectors from the teacher's.


class Task(EncoderTask):
  """What one step optimises, made of a config; config.loss names a file in `losses`.

  A loss says by its arguments what it needs beside the pairs: vectors of a teacher, or negatives.
  """

  looks_up_only = True  # The loss reads only the rows of the word table that batch["tokens"] names.

  def __init__(self, config: Config) -> None:
    super().__init__(config)
    loss = loss_function(config.loss)
    wanted = inspect.signature(loss).parameters
    self.teacher = self._teacher() if "teacher_bP" in wanted else None
    self.hard = hard_negatives.checked(config) if "negatives_bKD" in wanted else None
    self.refresh_every = self.hard.pop("every") if self.hard else 0
    options = completed(config.loss, loss, dict(config.get("loss_options", {})))
    self.learned = {}
    for name in config.get("learned", ()):
      known("name in config.learned", name, options.keys() & LEARNABLE)
      self.learned[name] = options.pop(name)
    exchange = known("config.exchange", config.get("exchange", "gather"), EXCHANGES)
    # Where the layers round what they give, the loss rounds what it multiplies.
    rounded = attention.rounds(config.get("attention", attention.AUTO))
    spread = Spread(BATCH, exchange, dtype=config.dtype if rounded else "float32")
    self.pair_loss: contract.Loss = functools.partial(loss, spread=spread, **options)
    if config.get("matryoshka"):
      self.pair_loss = matryoshka(self.pair_loss, config.matryoshka, self.module.out_width)
    self.pair_loss = contract.checked(self.pair_loss, config.loss)
    if is_file(config.loss):  # Ours have tests; a mistake in another is told before a run begins.
      contract.try_out(self.pair_loss, config.loss, self._loss_shapes())

  def _loss_shapes(self):
    """The shapes of a batch's arguments of the loss, and of the options that are learned."""
    batch = self.batch_shapes()
    R, count, _ = batch["tokens"].shape
    shape = (R, count, self.config.slots, self.module.out_width)
    vectors = jax.eval_shape(self.vectors, jax.ShapeDtypeStruct(shape, jnp.float32), batch)
    if self.other_models:
      rows = R * self.config.slots
      vectors["teacher_bP"] = jax.ShapeDtypeStruct((rows, self.teacher_width), jnp.float32)
    number = jax.ShapeDtypeStruct((), jnp.float32)
    return vectors, dict.fromkeys(self.learned, number)

  def _teacher(self):
    """config.teacher, checked; a teacher in the step is the part "teacher" of the parameters."""
    config = self.config
    width = self.module.out_width
    teacher = teachers.checked(config, width)
    self.teacher_width = teachers.width(**teacher)
    if config.loss in SUBTRACT:
      teachers.check_comparable(teacher, config.loss, config.get("matryoshka") or (width,))
    if teacher.get("where") == "step":
      self.teacher_module = teachers.module(
        teacher, config.dtype, config.get("attention", attention.AUTO)
      )
      self.other_models = {TEACHER: teacher["model"]}
    return teacher

  def hashed(self) -> list[tuple[str, str]]:
    """What every task names, then the other models that the run depends on."""
    found = super().hashed()
    for section in (self.teacher, self.hard):
      if section:
        folder = section["model"]
        found.append((str(folder), model_folder.fingerprint_of(folder)))
    return found

  def batches(self) -> "grain.IterDataset":
    """This host's batches; says what share of the sentences is cut."""
    config = self.config
    dataset = open_dataset(config.data)
    tokenizer = self.tokenizer()
    if dataset.monolingual:
      raise InputError(
        f"{config.data}: has no translations (it is text of one language a record); "
        "the dual encoder trains on pairs."
      )
    # A wrong pattern is said here, before a teacher has encoded for hours.
    languages = streams.chosen_languages(
      dataset.indices_by_language, config.get("language_pairs", ())
    )
    drawn = np.concatenate([*languages.values()])
    share = pairs.share_cut(dataset.source, drawn, tokenizer, config.length, prompt=self.prompt)
    say(
      f"{config.data}: {len(drawn):,} pairs in {len(languages)} pairs of languages; "
      f"{share:.2%} of sentences are cut at {config.length} tokens."
    )
    if self.teacher and self.other_models:
      teachers.check_same_tokens(self.teacher, tokenizer, self.prompt, config.length)
    negatives = hard_negatives.look_up(dataset, **self.hard) if self.hard else None
    tokenise_first = config.get("tokenise_first", False)
    if tokenise_first:
      say(f"splitting the {len(drawn):,} pairs into word pieces.")
    return self._batches(dataset, tokenizer, negatives, tokenise_first=tokenise_first)

  def _batches(self, dataset, tokenizer, negatives, *, tokenise_first=False):
    config = self.config
    beside = [teachers.look_up(dataset, **self.teacher)] if self.teacher else []
    return pairs.batches(
      dataset,
      tokenizer,
      rows=config.batch_rows,
      slots=config.slots,
      length=config.length,
      exponent=config.exponent,
      seed=config.seed,
      prompt=self.prompt,
      negatives=negatives,
      beside=beside,
      language_pairs=config.get("language_pairs", ()),
      homogeneous=config.get("homogeneous", False),
      no_repeats=config.get("no_repeats", False),
      tokenise_first=tokenise_first,
    )

  def refreshed(
    self,
    data: "grain.DatasetIterator",
    step: int,
    workdir: pathlib.Path,
    params: Params | None = None,
  ) -> "grain.DatasetIterator":
    """`data` from `step` on, with the hard negatives that were mined last.

    With `params`, they are mined now, by the model that the run has come to.
    """
    if not self.hard or not self.refresh_every:
      return data
    dataset = open_dataset(self.config.data)
    run = workdir / "hard_negatives"
    rule = hard_negatives.rule_of(**self.hard)
    if params is not None:
      say(f"step {step:,}: hard negatives are mined again.")
      if is_main():
        hard_negatives.mine_in_run(dataset, self.encoder(params), rule, run, step)
      multihost_utils.sync_global_devices(f"hard_negatives_{step}")
    negatives = hard_negatives.look_up_in_run(dataset, rule, run, step)
    if negatives is None:
      return data
    # The new stream goes on where the old one stands; what that has made ahead is made again.
    fresh = iter(self._batches(dataset, self.tokenizer(), negatives))
    fresh.set_state(data.get_state())
    data.close()
    return fresh

  def batch_shapes(self) -> dict[str, jax.ShapeDtypeStruct]:
    """The global batch, without the data or the tokenizer."""
    R = self.config.batch_rows
    S = self.config.slots
    L = self.config.length
    K = self.hard["k"] if self.hard else 0
    shapes: dict[str, tuple[tuple[int, ...], DTypeLike]] = {}
    shapes |= dict.fromkeys(INPUTS, ((R, 2 + K, L), jnp.int32))
    shapes |= dict.fromkeys(("mask", "turned"), ((R, S), jnp.bool_))
    shapes["ids"] = ((R, S, 2), jnp.uint32)
    if self.hard:
      shapes["negative_ids"] = ((R, S, K), jnp.uint32)
      shapes["negative_mask"] = ((R, S, K), jnp.bool_)
    if self.teacher and not self.other_models:
      shapes["teacher"] = ((R, S, self.teacher_width), jnp.float16)
    elif self.teacher and self.teacher["labels"] == "priority":
      shapes["anchor"] = ((R, S), jnp.int32)
    return {name: jax.ShapeDtypeStruct(*shape) for name, shape in shapes.items()}

  def init(self, key: jax.Array) -> Params:
    """Fresh parameters; options of the loss that are learned begin as the config has them."""
    params = heads.init(self.module, key)
    start = {}
    for name, value in self.learned.items():
      # Of a Python number the type would be weak, and the second step would be compiled anew.
      value = jnp.float32(value)
      start[name] = jnp.log(value) if name in POSITIVE else value
    if start:
      params[LEARNED] = start
    for name in self.other_models:
      params[name] = heads.init(self.teacher_module, key)
    return params

  def loss_fn(self, params: Params, batch: dict[str, jax.Array], key: jax.Array) -> contract.Result:
    """(loss, metrics) of a global batch; the same for all devices and, without dropout, chunks."""
    vectors = self.vectors(self.encode(params, batch, key), batch)
    if self.other_models:
      vectors["teacher_bP"] = self.taught(params[TEACHER], batch)
    learned = {}
    for name, value in params.get(LEARNED, {}).items():
      learned[name] = jnp.exp(value) if name in POSITIVE else value
    # From here on each device has its own pairs; the loss exchanges what it needs.
    value, metrics = contract.on_every_device(self.pair_loss, self.config.loss)(vectors, learned)
    due = batch["step"] % self.config.log_every == 0 if "step" in batch else True
    metrics |= monitors.of_batch(vectors, due) | learned
    return value, metrics | {"tokens": (batch["segments"] > 0).sum()}

  def vectors(self, z_RISD: jax.Array, batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """The loss's arguments, one row for each slot; the sides I are source, target, negatives."""
    x_bD, y_bD = sides(z_RISD, batch["turned"])
    found = {
      "x_bD": x_bD,
      "y_bD": y_bD,
      "ids_b2": flat(batch["ids"]),
      "mask_b": flat(batch["mask"]),
    }
    if "teacher" in batch:
      found["teacher_bP"] = flat(batch["teacher"])
    if self.hard:
      found["negatives_bKD"] = flat(jnp.moveaxis(z_RISD[:, 2:], 1, 2))
      found["negative_ids_bK"] = flat(batch["negative_ids"])
      found["negative_mask_bK"] = flat(batch["negative_mask"])
    return found

  def without_gradient(self, params: Params, batch: dict[str, jax.Array]) -> jax.Array | None:
    return self.taught(params[TEACHER], batch) if self.other_models else None

  def taught(self, params: Params, batch: dict[str, jax.Array]) -> jax.Array:
    """teacher_bP of a teacher in the step; it reads the same tokens as the student."""
    params = jax.lax.stop_gradient(params)
    # A teacher has nothing to say of the hard negatives.
    pairs_only = {name: batch[name][:, :2] for name in INPUTS}
    z_RISP = encode(self.teacher_module, params, batch | pairs_only, None, self.config.chunks)
    anchor = {"anchor_b": batch["anchor"].reshape(-1)} if "anchor" in batch else {}
    return teachers.in_step(*sides(z_RISP, batch["turned"]), **anchor)

  def encode(
    self, params: Params, batch: Mapping[str, jax.Array], key: jax.Array | None
  ) -> jax.Array:
    """Vectors z_RISD of all sides I of every slot, `config.chunks` parts of the batch in turn."""
    module = self.module.clone(normalize=True)  # The loss is of cosines, whatever a folder's head.
    return encode(module, params, batch, key, self.config.chunks)


def flat(a: jax.Array) -> jax.Array:
  """[rows, slots, ...] as [rows * slots, ...]."""
  return a.reshape(-1, *a.shape[2:])


def sides(z_RISD: jax.Array, turned_RS: jax.Array) -> tuple[jax.Array, jax.Array]:
  """(x_bD, y_bD), sources and targets: packing turned some pairs round to fill the rows."""
  turned_RS1 = turned_RS[..., None]
  x_RSD = jnp.where(turned_RS1, z_RISD[:, 1], z_RISD[:, 0])
  y_RSD = jnp.where(turned_RS1, z_RISD[:, 0], z_RISD[:, 1])
  return flat(x_RSD), flat(y_RSD)


def encode(
  module: heads.SentenceModel,
  params: Params,
  batch: Mapping[str, jax.Array],
  key: jax.Array | None,
  chunks: int,
) -> jax.Array:
  """Vectors z_RISD of all sides I of every slot, `chunks` parts of the batch in turn.

  Each part's activations are made again on the way back (Gao et al. 2021, GradCache), so memory
  is that of a part while the negatives stay those of the whole batch. `key` is for dropout, None
  for none.
  """
  rows = batch["tokens"].shape[0]

  def encode_chunk(chunk):
    number, *inputs_RIL = chunk
    rows_here, count, L = inputs_RIL[0].shape
    rngs = None if key is None else {"dropout": jax.random.fold_in(key, number)}
    # All sides of a row lie together: the reshape moves nothing.
    inputs_BL = [a_RIL.reshape(rows_here * count, L) for a_RIL in inputs_RIL]
    z_BSD: jax.Array = module.apply(  # type: ignore[assignment]  # Flax gives more if `mutable`.
      {"params": params},
      *inputs_BL,
      slots=batch["mask"].shape[1],
      train=key is not None,
      rngs=rngs,
    )
    return split_rows(z_BSD.reshape(rows_here, count, *z_BSD.shape[1:]))

  inputs_RIL = [batch[name] for name in INPUTS]
  if chunks == 1:
    return encode_chunk((0, *inputs_RIL))

  # Row i goes to chunk i mod chunks: every device keeps its own rows.
  def fold(a):
    return jnp.moveaxis(a.reshape(rows // chunks, chunks, *a.shape[1:]), 1, 0)

  parts = (jnp.arange(chunks), *map(fold, inputs_RIL))
  z_CRISD = jax.lax.map(jax.checkpoint(encode_chunk, prevent_cse=False), parts)
  return jnp.moveaxis(z_CRISD, 0, 1).reshape(rows, *z_CRISD.shape[2:])
