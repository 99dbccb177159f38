"""Folders that transformers wrote, of each architecture: the same vectors, the tensors again."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from labse_jax import model_folder
from labse_jax.base.errors import InputError
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.model_folder import transformers_config
from labse_jax.models import heads
from tests.support.needs import need_torch

SIZES = dict(
  vocab_size=1000, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64
)
DISTILBERT = dict(vocab_size=1000, dim=32, n_layers=2, n_heads=4, hidden_dim=64)
CONFIGS = {
  "Bert": SIZES | dict(max_position_embeddings=64),
  "XLMRoberta": SIZES | dict(max_position_embeddings=66, type_vocab_size=1, pad_token_id=1),
  "MPNet": SIZES | dict(max_position_embeddings=66, layer_norm_eps=1e-5),
  "DistilBert": DISTILBERT | dict(max_position_embeddings=64),
}
KINDS = [f"{name}{kind}" for name in CONFIGS for kind in ("Model", "ForMaskedLM")]


def pad_is_one(path):
  """Exchanges the ids of the padding and the unknown token: XLM-R and MPNet count from 1."""
  content = json.loads(path.read_text("utf-8"))
  vocab = content["model"]["vocab"]
  vocab[0], vocab[1], content["model"]["unk_id"] = vocab[1], vocab[0], 0
  for token in content["added_tokens"]:
    token["id"] = {0: 1, 1: 0}.get(token["id"], token["id"])
  content["added_tokens"].sort(key=lambda token: token["id"])
  path.write_text(json.dumps(content), "utf-8")


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory, tiny_folder):
  """folder_of(class name) -> a folder that transformers wrote, with random weights."""
  need_torch()
  import torch
  import transformers

  made = {}

  def make(kind):
    if kind in made:
      return made[kind]
    name = kind.removesuffix("Model").removesuffix("ForMaskedLM")
    torch.manual_seed(0)
    model = getattr(transformers, kind)(getattr(transformers, name + "Config")(**CONFIGS[name]))
    with torch.no_grad():
      for parameter in model.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    path = tmp_path_factory.mktemp("torch") / kind
    model.save_pretrained(path)
    transformers.AutoTokenizer.from_pretrained(tiny_folder).save_pretrained(path)
    if name in ("XLMRoberta", "MPNet"):
      pad_is_one(path / "tokenizer.json")
    return made.setdefault(kind, path)

  return make


@pytest.mark.heavy
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_vectors_as_sentence_transformers(folder_of, real_lines, kind):
  from sentence_transformers import SentenceTransformer

  lines = real_lines[:300] + [" ".join(real_lines[300:400])]  # The last is cut.
  lines += ["[PAD] one", "one [PAD] two [PAD][PAD] three"]  # XLM-R and MPNet do not count these.
  encoder = SentenceEncoder.load(folder_of(kind))
  theirs = SentenceTransformer(str(folder_of(kind)), device="cpu")
  theirs.max_seq_length = 64  # It forgets that XLM-R's first positions are not for tokens.
  expected = theirs.encode(lines)
  assert expected.std(0).mean() > 1e-3
  np.testing.assert_allclose(encoder.encode(lines), expected, atol=1e-5)
  assert encoder.encode_counted(lines)[1] == 1 and encoder.max_seq_length == 64


@pytest.mark.parametrize("kind", KINDS)
def test_read_and_written_again_every_byte_is_the_same(folder_of, tmp_path, kind):
  before = load_file(folder_of(kind) / "model.safetensors")
  head = kind.endswith("ForMaskedLM")
  content = model_folder.read(folder_of(kind), pretraining=head)
  assert ("masked_lm" in content.params) == head
  model_folder.write(tmp_path / "again", content)
  after = load_file(tmp_path / "again" / "model.safetensors")
  assert {name: after[name].tobytes() for name in after} == {
    name: before[name].tobytes() for name in before
  }

  def config(path):
    return json.loads((path / "config.json").read_text())

  ours, theirs = config(tmp_path / "again"), config(folder_of(kind))
  assert {key: theirs[key] for key in ours if key != "torch_dtype"} == {
    key: ours[key] for key in ours if key != "torch_dtype"
  }


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.endswith("LM")])
def test_transformers_finds_the_same_words_behind_the_mask(folder_of, tmp_path, kind, real_lines):
  import torch
  from transformers import AutoModelForMaskedLM, AutoTokenizer

  model_folder.write(tmp_path / "m", model_folder.read(folder_of(kind), pretraining=True))
  inputs = AutoTokenizer.from_pretrained(tmp_path / "m")(
    real_lines[:20], padding=True, truncation=True, return_tensors="pt"
  )
  with torch.no_grad():
    logits = [
      AutoModelForMaskedLM.from_pretrained(path)(**inputs).logits
      for path in (tmp_path / "m", folder_of(kind))
    ]
  assert logits[0].std() > 0.1
  torch.testing.assert_close(*logits, atol=1e-6, rtol=0)


@pytest.mark.heavy
@pytest.mark.parametrize("kind", ["BertModel", "XLMRobertaModel", "MPNetModel", "DistilBertModel"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_shards_of_half_precision_are_read_and_kept(folder_of, tmp_path, kind, dtype, real_lines):
  import torch
  from transformers import AutoModel

  model = AutoModel.from_pretrained(folder_of(kind), dtype=getattr(torch, dtype))
  path = tmp_path / "sharded"
  model.save_pretrained(path, max_shard_size="20KB")
  assert len(list(path.glob("model-*.safetensors"))) > 2
  for name in ("tokenizer.json", "tokenizer_config.json"):
    (path / name).write_bytes((folder_of(kind) / name).read_bytes())
  content = model_folder.read(path)
  assert content.dtype == dtype
  model_folder.write(tmp_path / "again", content)
  again = AutoModel.from_pretrained(tmp_path / "again").state_dict()
  for name, tensor in model.state_dict().items():
    assert again[name].dtype == tensor.dtype and torch.equal(again[name], tensor), name
  whole = SentenceEncoder.load(folder_of(kind)).encode(real_lines[:50])
  half = SentenceEncoder.load(path).encode(real_lines[:50])
  assert 0 < abs(whole - half).max() < 0.2


def test_a_model_that_no_architecture_has_is_refused(tiny_content):
  model = tiny_content.model
  assert transformers_config.model_type(model) == "bert"
  with pytest.raises(InputError, match="position_offset = 1.*mpnet has 2"):
    transformers_config.model_type(model | {"relative_buckets": 32, "position_offset": 1})
  with pytest.raises(InputError, match="epsilon = 1e-05.*distilbert has 1e-12"):
    transformers_config.model_type(model | {"types": 0, "epsilon": 1e-5})
  with pytest.raises(InputError, match="relative_buckets = 64.*mpnet has 32"):
    transformers_config.model_type(
      model | {"relative_buckets": 64, "position_offset": 2, "types": 0}
    )
  with pytest.raises(InputError, match="padding id is 0"):
    transformers_config.config_of(
      model | {"position_offset": 2}, head=False, dtype="float32", pad=0
    )


def test_mpnet_has_as_many_buckets_as_transformers_computes(folder_of):
  config = json.loads((folder_of("MPNetModel") / "config.json").read_text())
  assert transformers_config.model_of(config, "c")["relative_buckets"] == 32
  with pytest.raises(InputError, match="c: relative_attention_num_buckets is 8; only 32"):
    transformers_config.model_of(config | {"relative_attention_num_buckets": 8}, "c")


@pytest.mark.heavy
def test_one_training_step_changes_what_others_read(folder_of, tmp_path, real_lines):
  """Gradients reach MPNet's relative bias, and the folder that is then written has it."""
  import jax
  import jax.numpy as jnp

  content = model_folder.read(folder_of("MPNetModel"))
  module = heads.build(content.model, content.head)
  tokens = np.arange(5, 25).reshape(2, 10)
  ones, places = np.ones((2, 10), int), np.arange(10)[None].repeat(2, 0)

  def loss(params):
    return jnp.sum(module.apply({"params": params}, tokens, ones, places, slots=1)[..., 0])

  grads = jax.grad(loss)(jax.tree.map(jnp.asarray, content.params))
  assert np.abs(grads["bert"]["relative"]["bias"]).max() > 1e-4
  params = jax.tree.map(lambda p, g: np.asarray(p - 0.5 * g), content.params, grads)
  content.params = params
  model_folder.write(tmp_path / "m", content)
  from sentence_transformers import SentenceTransformer

  got = SentenceEncoder.load(tmp_path / "m").encode(real_lines[:30])
  expected = SentenceTransformer(str(tmp_path / "m"), device="cpu").encode(real_lines[:30])
  np.testing.assert_allclose(got, expected, atol=1e-5)
  assert (
    abs(got - SentenceEncoder.load(folder_of("MPNetModel")).encode(real_lines[:30])).max() > 1e-3
  )


@pytest.mark.parametrize(
  ("sizes", "title"),
  [
    ({}, "BERT"),
    ({"position_offset": 2}, "XLM-R"),
    ({"types": 0}, "DistilBERT"),
    ({"relative_buckets": 32, "types": 0, "position_offset": 2}, "MPNet"),
  ],
)
def test_an_architecture_is_called_what_people_call_it(sizes, title):
  assert transformers_config.title(sizes) == title
