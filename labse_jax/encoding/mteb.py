"""A model folder as a model of the package mteb: `mteb.evaluate(Encoder("FOLDER"), tasks)`."""

from collections.abc import Iterable
import hashlib
import json
import pathlib
from typing import TYPE_CHECKING, Any

import numpy as np

from labse_jax import model_folder
from labse_jax.base.errors import InputError
from labse_jax.base.types import PathLike
from labse_jax.encoding.sentence_encoder import SentenceEncoder

try:
  from mteb.models import ModelMeta
  from mteb.models.abs_encoder import AbsEncoder, get_prompt
  from mteb.models.model_meta import ScoringFunction
except ImportError as error:
  raise InputError(f"mteb is needed: pip install 'labse_jax[mteb]' ({error}).") from None
if TYPE_CHECKING:
  from mteb.abstasks.task_metadata import TaskMetadata
  from mteb.types import PromptType


class Encoder(AbsEncoder):
  """mteb's EncoderProtocol over a model folder.

  The keys of `prompts` are those of mteb: a task, a task type (such as "STS"), either of them with
  "-query" or "-document" behind it, or "query" or "document". None takes the folder's own prompts.
  Where no key fits, the folder's default prompt is put before each text. `precision` is the older
  name of `dtype`.
  """

  def __init__(
    self,
    model_name: PathLike,
    revision: str | None = None,
    *,
    device: str | None = None,
    dtype: str = "float32",
    prompts: dict[str, str] | None = None,
    precision: str | None = None,
  ) -> None:
    dtype = precision or dtype
    del device  # The protocol gives it; JAX has chosen.
    self.model = SentenceEncoder.load(model_name, dtype=dtype)
    model_prompts = self.model.prompts if prompts is None else prompts
    if "passage" in model_prompts:  # Folders say "passage" or "document"; mteb says "document".
      model_prompts = {"document": model_prompts["passage"], **model_prompts}
    self.model_prompts = model_prompts
    self.mteb_model_meta = ModelMeta.create_empty(
      {
        "name": f"labse_jax/{pathlib.Path(model_name).resolve().name}",
        # mteb keeps results by the revision.
        "revision": revision or model_folder.fingerprint_of(model_name),
        "framework": ["JAX"],
        "embed_dim": self.model.dimension,
        "max_tokens": self.model.max_seq_length,
        "similarity_fn_name": ScoringFunction(self.model.similarity_fn_name),
        "experiment_kwargs": _settings(dtype, prompts),
      }
    )

  def encode(
    self,
    inputs: Iterable[dict[str, list[str]]],
    *,
    task_metadata: "TaskMetadata",
    hf_split: str,
    hf_subset: str,
    prompt_type: "PromptType | None" = None,
    **kwargs: Any,
  ) -> np.ndarray:
    """Vectors [N, D] of the texts of mteb's batches, with the prompt of the task."""
    texts = []
    for batch in inputs:
      texts.extend(batch["text"])
    prompt = get_prompt(self.model_prompts, task_metadata, prompt_type)
    options = {name: kwargs[name] for name in ("batch_size", "show_progress_bar") if name in kwargs}
    return self.model.encode(texts, prompt=prompt, **options)


def _settings(dtype, prompts):
  """The settings beside the folder that change the vectors; None where there are none.

  mteb puts them into the name of the folder in which it keeps results.
  """
  settings = {}
  if dtype != "float32":
    settings["precision"] = dtype
  if prompts is not None:  # Hashed: prompts may be too long for a name, or not allowed in one.
    text = json.dumps(prompts, sort_keys=True)
    settings["prompts"] = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
  return settings or None
