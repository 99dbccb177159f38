"""Translation ranking: pairs of packed rows, one encoder, negatives from every device."""

import functools

import jax
import jax.numpy as jnp

from labse_jax.data import pipeline
from labse_jax.data.dataset import open_dataset
from labse_jax.errors import InputError
from labse_jax.hosts import say
from labse_jax.models import heads
from labse_jax.plugins import chosen
from labse_jax.sharding import BATCH, split_rows
from labse_jax.task import EncoderTask


class Task(EncoderTask):
  """What one step optimises, made of a config; config.loss names a file in `losses`."""

  looks_up_only = True  # Of the word table, the loss sees the rows of batch["tokens"] alone.

  def __init__(self, config):
    super().__init__(config)
    loss = getattr(chosen("losses", config.loss), config.loss)
    self.pair_loss = functools.partial(loss, axis_name=BATCH, **config.loss_options)

  def batches(self):
    """This host's batches; says what share of the sentences is cut."""
    config = self.config
    dataset, tokenizer = open_dataset(config.data), self.tokenizer()
    if dataset.monolingual:
      raise InputError(f"{config.data}: has no translations (it is text of one language a record); "
                       "the dual encoder trains on pairs.")  # fmt: skip
    share = pipeline.share_cut(dataset, tokenizer, config.length, prompt=self.prompt)
    say(f"{config.data}: {len(dataset):,} pairs in {len(dataset.indices_by_language)} pairs of "
        f"languages; {share:.2%} of sentences are cut at {config.length} tokens.")  # fmt: skip
    return pipeline.batches(
        dataset, tokenizer, rows=config.batch_rows, slots=config.slots, length=config.length,
        exponent=config.exponent, seed=config.seed, prompt=self.prompt)  # fmt: skip

  def batch_shapes(self):
    """The global batch, {name: jax.ShapeDtypeStruct}, without the data or the tokenizer."""
    R, S, L = self.config.batch_rows, self.config.slots, self.config.length
    shapes = dict.fromkeys(("tokens", "segments", "positions"), ((R, 2, L), jnp.int32))
    shapes |= dict.fromkeys(("mask", "turned"), ((R, S), jnp.bool_))
    shapes["ids"] = ((R, S, 2), jnp.uint32)
    return {name: jax.ShapeDtypeStruct(*shape) for name, shape in shapes.items()}

  def init(self, key):
    """Fresh parameters."""
    return heads.init(self.module, key)

  def loss_fn(self, params, batch, key):
    """(loss, metrics) of a global batch; the same for any number of devices and chunks."""
    z_R2SD = self.encode(params, batch, key)
    rows, _, slots, D = z_R2SD.shape
    # Packing turned some pairs round to fill the rows; here each side is itself again.
    turned_RS1 = batch["turned"][..., None]
    source_RSD = jnp.where(turned_RS1, z_R2SD[:, 1], z_R2SD[:, 0])
    target_RSD = jnp.where(turned_RS1, z_R2SD[:, 0], z_R2SD[:, 1])
    split = jax.P(BATCH)
    loss = jax.shard_map(self.pair_loss, in_specs=(split,) * 4, out_specs=(jax.P(), jax.P()))
    value, metrics = loss(
        source_RSD.reshape(rows * slots, D), target_RSD.reshape(rows * slots, D),
        batch["ids"].reshape(rows * slots, 2), batch["mask"].reshape(rows * slots))  # fmt: skip
    return value, metrics | {"tokens": (batch["segments"] > 0).sum()}

  def encode(self, params, batch, key):
    """Vectors z_R2SD of both sides of every slot, `config.chunks` parts of the batch in turn.

    Each part's activations are made again on the way back (Gao et al. 2021, GradCache), so
    memory is that of a part while the negatives stay those of the whole batch.
    """
    names = ("tokens", "segments", "positions")
    rows, chunks = batch["tokens"].shape[0], self.config.chunks
    module = self.module.clone(normalize=True)  # The loss is of cosines, whatever a folder's head.

    def encode_chunk(chunk):
      number, *inputs_R2L = chunk
      r, _, L = inputs_R2L[0].shape
      z_BSD = module.apply(  # Both sides of a row lie together: the reshape moves nothing.
          {"params": params}, *(a.reshape(2 * r, L) for a in inputs_R2L),
          slots=batch["mask"].shape[1], train=True,
          rngs={"dropout": jax.random.fold_in(key, number)})  # fmt: skip
      return split_rows(z_BSD.reshape(r, 2, *z_BSD.shape[1:]))

    if chunks == 1:
      return encode_chunk((0, *(batch[name] for name in names)))
    # Row i goes to chunk i mod chunks: every device keeps its own rows.
    fold = lambda a: jnp.moveaxis(a.reshape(rows // chunks, chunks, *a.shape[1:]), 1, 0)
    z_CR2SD = jax.lax.map(
        jax.checkpoint(encode_chunk, prevent_cse=False),
        (jnp.arange(chunks), *(fold(batch[name]) for name in names)))  # fmt: skip
    return jnp.moveaxis(z_CR2SD, 0, 1).reshape(rows, *z_CR2SD.shape[2:])
