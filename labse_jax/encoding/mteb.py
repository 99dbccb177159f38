"""A model folder as a model of the package mteb: `mteb.evaluate(Encoder("FOLDER"), tasks)`."""

import hashlib
import json
import pathlib

from labse_jax.base import fingerprint
from labse_jax.base.errors import InputError
from labse_jax.encoding.sentence_encoder import SentenceEncoder

try:
  from mteb.models import ModelMeta
  from mteb.models.abs_encoder import AbsEncoder, get_prompt
  from mteb.models.model_meta import ScoringFunction
except ImportError as error:
  raise InputError(f"mteb is needed: pip install 'labse_jax[mteb]' ({error}).") from None


class Encoder(AbsEncoder):
  """mteb's EncoderProtocol over a model folder.

  `prompts` are keyed as mteb keys them: by task, by task type (such as "STS"), by "query" or
  "document", or the first two with "-query" or "-document" behind; None is the folder's own. Where
  none of them fits, the folder's default prompt is put before each text.
  """

  def __init__(self, model_name, revision=None, *, device=None, precision="float32", prompts=None):
    del device  # The protocol gives it; JAX has chosen.
    self.model = SentenceEncoder.load(model_name, precision=precision)
    own = self.model.prompts if prompts is None else prompts
    # Folders say either, and mteb one.
    self.model_prompts = {"document": own["passage"], **own} if "passage" in own else own
    self.mteb_model_meta = ModelMeta.create_empty(
      {
        "name": f"labse_jax/{pathlib.Path(model_name).resolve().name}",
        "revision": revision or fingerprint.model(model_name),  # mteb keeps results by it.
        "framework": ["JAX"],
        "embed_dim": self.model.dimension,
        "max_tokens": self.model.max_length,
        "similarity_fn_name": ScoringFunction.COSINE,
        "experiment_kwargs": _settings(precision, prompts),
      }
    )

  def encode(self, inputs, *, task_metadata, hf_split, hf_subset, prompt_type=None, **kwargs):
    """Vectors [N, D] of the texts of mteb's batches, with the prompt of the task."""
    texts = [text for batch in inputs for text in batch["text"]]
    prompt = get_prompt(self.model_prompts, task_metadata, prompt_type)
    options = {name: kwargs[name] for name in ("batch_size", "show_progress_bar") if name in kwargs}
    return self.model.encode(texts, prompt=prompt, **options)


def _settings(precision, prompts):
  """What beside the folder decides the vectors: mteb keeps results by it, in a folder's name."""
  settings = {} if precision == "float32" else {"precision": precision}
  if prompts is not None:  # Hashed, as they are too long for a name, or none for a file.
    text = json.dumps(prompts, sort_keys=True)
    settings["prompts"] = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
  return settings or None
