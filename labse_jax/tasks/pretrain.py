"""Masked and translation language modelling in one batch (Feng et al. 2022, sec. 3.1)."""

import functools
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from labse_jax.base.console import say
from labse_jax.base.errors import InputError, known
from labse_jax.base.sharding import BATCH
from labse_jax.base.types import Config, Params
from labse_jax.data.batches import masked, masking
from labse_jax.data.dataset import open_dataset
from labse_jax.losses.masked_lm import NEVER, masked_lm
from labse_jax.models import heads
from labse_jax.models.bert import table_rows
from labse_jax.training.encoder_task import EncoderTask

if TYPE_CHECKING:
  import grain


class Task(EncoderTask):
  """Predicts hidden word pieces of text (`config.text`) and of pairs (`config.data`).

  `config.share_tlm` of the rows are pairs; without `config.text`, text is the pairs' sides.
  """

  def __init__(self, config: Config) -> None:
    super().__init__(config)
    self.predictor = heads.MaskedLM(self.module.bert)
    if self.head.get("dense"):
      raise InputError(
        f"head.dense = {self.head['dense']}: pretraining trains no layer after "
        "pooling; 0 is needed."
      )
    known("rows_of", config.rows_of, masked.ROWS)
    masking.check_kind(config.masking.kind)
    if config.masking.slots > config.length:
      raise InputError(
        f"masking.slots = {config.masking.slots}: a row has only {config.length} tokens."
      )
    if config.rows_of == "documents" and not config.text:
      raise InputError("rows_of = documents needs config.text, a dataset of documents.")

  def datasets(self) -> list[str]:
    """The folders that are read: of pairs, of text, or both."""
    folders = []
    if self.config.share_tlm > 0 or not self.config.text:
      folders.append(self.config.data)
    if self.config.text:
      folders.append(self.config.text)
    return folders

  def batches(self) -> "grain.IterDataset":
    """This host's batches; says what there is to read."""
    config = self.config
    tokenizer = self.tokenizer()
    opened = {folder: open_dataset(folder) for folder in self.datasets()}
    sources = self._sources(opened)
    if config.rows_of == "documents":
      text, _ = sources["mlm"]
      masked.check_long_enough(text, tokenizer, config.length, config.text)
    for folder, dataset in opened.items():
      self._describe(folder, dataset, tokenizer)
    return masked.batches(
      sources,
      tokenizer,
      share_tlm=config.share_tlm,
      rows=config.batch_rows,
      length=config.length,
      exponent=config.exponent,
      seed=config.seed,
      options=dict(restart_positions=config.restart_positions, masking=config.masking.to_dict()),
    )

  def _sources(self, opened):
    """{"tlm", "mlm": (dataset, what makes rows of it)} out of {folder: dataset}."""
    config = self.config
    sources = {}
    # Rows of translations come from pairs, the other rows from documents or from pairs' sides.
    if config.share_tlm:
      pairs = opened[config.data]
      if pairs.monolingual:
        raise InputError(
          f"{config.data}: has no translations; set share_tlm = 0, and give this "
          "folder as config.text."
        )
      sources["tlm"] = (pairs, masked.translations)
    text = opened[config.text or config.data]
    if config.text and not text.monolingual:
      raise InputError(
        f"{config.text}: holds pairs; config.text is for documents, and sides of "
        "pairs are read where it is empty."
      )
    sources["mlm"] = (text, getattr(masked, config.rows_of))
    return sources

  def _describe(self, folder, dataset, tokenizer):
    """Says how much a dataset holds, and what share of it rows cut off."""
    config = self.config
    share = masked.share_cut(
      dataset,
      tokenizer,
      length=config.length,
      rows_of=config.rows_of,
      share_tlm=config.share_tlm,
    )
    kind = "documents" if dataset.monolingual else "pairs"
    say(
      f"{folder}: {len(dataset):,} {kind} in {len(dataset.indices_by_language)} languages; "
      f"{share:.2%} of what a row takes is cut at {config.length} tokens."
    )

  def batch_shapes(self) -> dict[str, jax.ShapeDtypeStruct]:
    """The global batch, without the data or the tokenizer."""
    R = self.config.batch_rows
    L = self.config.length
    M = self.config.masking.slots
    shapes: dict[str, tuple[tuple[int, ...], DTypeLike]] = {}
    shapes |= dict.fromkeys(("tokens", "segments", "positions"), ((R, L), jnp.int32))
    shapes |= dict.fromkeys(("predicted", "labels"), ((R, M), jnp.int32))
    shapes |= {"weights": ((R, M), jnp.bool_), "tlm": ((R,), jnp.bool_)}
    return {name: jax.ShapeDtypeStruct(*shape) for name, shape in shapes.items()}

  def init(self, key: jax.Array) -> Params:
    """Fresh parameters: {"bert", "masked_lm"}."""
    tokens_BL = jnp.zeros((1, 8), jnp.int32)
    return self.predictor.init(key, tokens_BL, tokens_BL, tokens_BL, tokens_BL[:, :1])["params"]

  def loss_fn(
    self, params: Params, batch: dict[str, jax.Array], key: jax.Array
  ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """(loss, metrics) of a global batch: the mean over all predictions of all devices."""
    x_RMD, bias_V = self._predictions(params, batch, key)
    # The table's padding rows are no word pieces.
    V = self.model["vocab_size"]
    bias_V = jnp.where(jnp.arange(table_rows(V)) < V, bias_V, NEVER)
    loss_RM, hit_RM = self._cross_entropy(
      x_RMD, batch["labels"], params["bert"]["word_embedding"], bias_V
    )
    weight_RM = batch["weights"]

    def mean(a_RM, of_RM):
      return (a_RM * of_RM).sum() / jnp.maximum(of_RM.sum(), 1)

    tlm_RM = weight_RM & batch["tlm"][:, None]

    # Of a batch without rows of a kind there is no mean: NaN, which the trainer leaves out.
    def only(of_RM):
      return jnp.where(of_RM.any(), mean(loss_RM, of_RM), jnp.nan)

    return mean(loss_RM, weight_RM), {
      "masked_accuracy": mean(hit_RM, weight_RM),
      "predictions": weight_RM.sum(),
      "mlm_loss": only(weight_RM & ~tlm_RM),
      "tlm_loss": only(tlm_RM),
      "tokens": (batch["segments"] > 0).sum(),
    }

  def _predictions(
    self, params: Params, batch: dict[str, jax.Array], key: jax.Array
  ) -> tuple[jax.Array, jax.Array]:
    """(x_RMD, bias_V): a vector for each prediction, and the bias of the logits."""
    return self.predictor.apply(  # type: ignore[return-value]  # Flax gives more if `mutable`.
      {"params": params},
      batch["tokens"],
      batch["segments"],
      batch["positions"],
      batch["predicted"],
      train=True,
      rngs={"dropout": key},
    )

  def _cross_entropy(self, x_RMD, labels_RM, table_VD, bias_V):
    R, M, D = x_RMD.shape
    rows = jax.P(BATCH)
    vocabulary = jax.P("fsdp")
    loss = jax.shard_map(
      functools.partial(masked_lm, chunk=self.config.vocabulary_chunk, axis_name=BATCH),
      in_specs=(rows, rows, vocabulary, vocabulary),
      out_specs=(rows, rows),
    )
    loss_P, hit_P = loss(x_RMD.reshape(R * M, D), labels_RM.reshape(R * M), table_VD, bias_V)
    return loss_P.reshape(R, M), hit_P.reshape(R, M)
