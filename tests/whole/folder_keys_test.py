"""Every key that transformers and sentence-transformers write: followed, refused or harmless.

`KEYS` has a verdict on each key of each file, and another value to try it with. A key of a later
version that has no verdict fails the first test. "warned" is what transformers follows and we do
not, with a warning. "sizes" are followed, too: with another value the tensors no longer fit.
"""

import json
import shutil

import numpy as np
import pytest

from labse_jax import model_folder
from labse_jax.base.errors import InputError
from labse_jax.encoding.origin import opened
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from tests.support.needs import need_torch

SIZES = dict(
  vocab_size=1010, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64
)
SIZES_OF_DISTILBERT = dict(vocab_size=1010, dim=32, n_layers=1, n_heads=4, hidden_dim=64)
# The kinds of models: their class, that of their tokenizer, and what their config is made with.
KINDS = {
  "bert": ("Bert", "BertTokenizer", SIZES | dict(max_position_embeddings=40)),
  "distilbert": (
    "DistilBert",
    "DistilBertTokenizer",
    SIZES_OF_DISTILBERT | dict(max_position_embeddings=40),
  ),
  "mpnet": ("MPNet", "MPNetTokenizer", SIZES | dict(max_position_embeddings=42)),
  "xlm-roberta": ("XLMRoberta", "XLMRobertaTokenizer", SIZES | dict(max_position_embeddings=42)),
}
NEW_TOKEN = "<new>"
CONFIG = {
  "model_type": ("sizes", "distilbert"),
  **dict.fromkeys(("vocab_size", "hidden_size", "dim", "max_position_embeddings"), ("sizes", 8)),
  **dict.fromkeys(("num_hidden_layers", "n_layers"), ("sizes", 2)),
  **dict.fromkeys(("intermediate_size", "hidden_dim", "type_vocab_size"), ("sizes", 8)),
  **dict.fromkeys(("num_attention_heads", "n_heads"), ("followed", 2)),
  **dict.fromkeys(("hidden_act", "activation"), ("followed", "relu")),
  **dict.fromkeys(("hidden_dropout_prob", "dropout"), ("followed", 0.3)),
  "layer_norm_eps": ("followed", 1e-3),
  "pad_token_id": ("followed", 3),
  "relative_attention_num_buckets": ("refused", 8),
  "is_decoder": ("refused", True),
  "add_cross_attention": ("refused", True),
  "position_embedding_type": ("refused", "relative_key"),
  "quantization_config": ("refused", {"quant_method": "bitsandbytes"}),
  # What is for training, for other outputs, for other heads, or only tells.
  **dict.fromkeys(("attention_probs_dropout_prob", "attention_dropout"), ("followed", 0.4)),
  **dict.fromkeys(("classifier_dropout", "qa_dropout", "initializer_range"), ("harmless", 0.4)),
  "chunk_size_feed_forward": ("harmless", 1),
  "seq_classif_dropout": ("harmless", 0.4),
  **dict.fromkeys(("bos_token_id", "eos_token_id"), ("harmless", 7)),
  **dict.fromkeys(("output_attentions", "use_cache", "sinusoidal_pos_embds"), ("harmless", True)),
  **dict.fromkeys(("tie_word_embeddings", "return_dict"), ("harmless", False)),
  **dict.fromkeys(("output_hidden_states", "gradient_checkpointing"), ("harmless", False)),
  "is_encoder_decoder": ("harmless", False),
  "architectures": ("harmless", ["BertForMaskedLM"]),
  "dtype": ("harmless", None),
  "torch_dtype": ("harmless", None),
  "id2label": ("harmless", {"0": "a", "1": "b", "2": "c"}),
  "label2id": ("harmless", {"a": 0, "b": 1, "c": 2}),
  "problem_type": ("harmless", "regression"),
  "_name_or_path": ("harmless", "somewhere"),
  "transformers_version": ("harmless", "4.6.1"),
}
TOKENIZER_CONFIG = {
  "truncation_side": ("followed", "left"),
  "model_max_length": ("followed", 9),
  **dict.fromkeys(("do_lower_case", "tokenize_chinese_chars"), ("warned", False)),
  "strip_accents": ("warned", False),
  **{
    f"{name}_token": ("refused", NEW_TOKEN)
    for name in ("bos", "cls", "eos", "mask", "pad", "sep", "unk")
  },
  **{f"{kind}_special_tokens": ("refused", [NEW_TOKEN]) for kind in ("additional", "extra")},
  "model_specific_special_tokens": ("refused", {"image_token": NEW_TOKEN}),
  "added_tokens_decoder": ("refused", {"1005": {"content": NEW_TOKEN}}),
  "split_special_tokens": ("refused", True),
  "add_bos_token": ("refused", False),
  "add_eos_token": ("refused", True),
  "add_prefix_space": ("refused", False),
  # Each call says how it is cut and padded; a text by itself has no padding.
  "max_length": ("harmless", 10),
  "stride": ("harmless", 3),
  "truncation_strategy": ("harmless", "only_first"),
  "pad_to_multiple_of": ("harmless", 8),
  "pad_token_type_id": ("harmless", 1),
  "padding_side": ("harmless", "left"),
  # What is for decoding, for the slow tokenizers of old, or only tells.
  "backend": ("harmless", "tokenizers"),
  "clean_up_tokenization_spaces": ("harmless", True),
  "do_basic_tokenize": ("harmless", False),
  "never_split": ("harmless", ["small"]),
  "is_local": ("harmless", False),
  "local_files_only": ("harmless", True),
  "name_or_path": ("harmless", "somewhere"),
  "special_tokens_map_file": ("harmless", None),
  "unk_id": ("harmless", 5),
  "tokenizer_class": ("harmless", "PreTrainedTokenizerFast"),
}
KEYS = {
  "config.json": CONFIG,
  "tokenizer_config.json": TOKENIZER_CONFIG,
  "tokenizer.json": {
    "truncation": (
      "followed",
      {"direction": "Left", "max_length": 9, "strategy": "LongestFirst", "stride": 0},
    ),
    "normalizer": ("followed", {"type": "Lowercase"}),
    "pre_tokenizer": ("followed", {"type": "WhitespaceSplit"}),
    "post_processor": ("followed", None),
    "added_tokens": ("followed", []),
    "model": ("followed", {"max_input_chars_per_word": 3}),
    "padding": (
      "harmless",
      {
        "strategy": {"Fixed": 30},
        "direction": "Left",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[PAD]",
      },
    ),
    "decoder": ("harmless", None),
    "version": ("harmless", "1.0"),
  },
  "sentence_bert_config.json": {
    "max_seq_length": ("followed", 7),
    "do_lower_case": ("refused", True),
    "transformer_task": ("refused", "fill-mask"),
    "modality_config": (
      "refused",
      {"text": {"method": "forward", "method_output_name": "pooler_output"}},
    ),
    "module_output_name": ("refused", "sentence_embedding"),
    "processing_kwargs": ("refused", {"text": {"max_length": 5}}),
    "query_length": ("refused", 5),
    "document_length": ("refused", 5),
    "query_expansion": ("refused", {"length": 9}),
    "processor_kwargs": ("refused", {"revision": "main"}),
    "tokenizer_name_or_path": ("refused", "elsewhere"),
    **{
      key: ("refused", {"revision": "main"})
      for key in ("model_args", "tokenizer_args", "config_args", "model_kwargs", "config_kwargs")
    },
    "unpad_inputs": ("harmless", False),
  },
  "config_sentence_transformers.json": {
    "prompts": ("followed", {"query": "to: "}),
    "default_prompt_name": ("followed", "query"),
    "similarity_fn_name": ("followed", "dot"),
    "truncate_dim": ("refused", 4),
    "model_type": ("refused", "SparseEncoder"),
    "__version__": ("harmless", {"sentence_transformers": "2.0.0"}),
  },
  "1_Pooling/config.json": {
    "pooling_mode": ("followed", "max"),
    "include_prompt": ("refused", False),
    "embedding_dimension": ("harmless", 8),
  },
  "2_Dense/config.json": {
    "activation_function": ("followed", "torch.nn.modules.linear.Identity"),
    "in_features": ("sizes", 8),
    "out_features": ("sizes", 8),
    "bias": ("sizes", False),
    "use_residual": ("refused", True),
    "module_input_name": ("refused", "token_embeddings"),
    "module_output_name": ("refused", "token_embeddings"),
  },
  "3_Normalize/config.json": {
    "module_input_name": ("refused", "token_embeddings"),
    "module_output_name": ("refused", "token_embeddings"),
  },
  "modules.json": {
    "path": ("refused", "nowhere"),
    "type": ("refused", "some.where.Pooling2"),
    "idx": ("harmless", 7),
    "name": ("harmless", "pooling"),
    "kwargs": ("harmless", []),
  },
}
# Beside BERT: keys that only count there, and keys of other classes of tokenizers.
ONLY_OF = {
  "relative_attention_num_buckets": ("mpnet",),
  "pad_token_id": ("xlm-roberta",),
  "add_prefix_space": ("xlm-roberta",),
  "do_lower_case": ("bert", "distilbert", "mpnet"),
  "strip_accents": ("bert", "distilbert", "mpnet"),
  "tokenize_chinese_chars": ("bert", "distilbert", "mpnet"),
}
TRIED = ("bert", "xlm-roberta")  # The kinds whose keys are tried: two models, two tokenizers.
TEXTS = ["A small file is not open.", "Größe 中文 ÉTÉ", "".join(f"page {n}, " for n in range(30))]


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory, tiny_wordpiece, xlmr_vocabulary):
  """folder_of(kind) -> a folder that sentence-transformers wrote, with random weights."""
  need_torch()
  import torch
  import transformers

  made = {}

  def make(kind):
    if kind in made:
      return made[kind]
    name, tokenizer, sizes = KINDS[kind]
    torch.manual_seed(0)
    model = getattr(transformers, f"{name}Model")(getattr(transformers, f"{name}Config")(**sizes))
    with torch.no_grad():
      for parameter in model.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    plain = tmp_path_factory.mktemp("plain")
    source = xlmr_vocabulary if kind == "xlm-roberta" else tiny_wordpiece
    for file in ("vocab.txt", "sentencepiece.bpe.model"):
      if (source / file).exists():
        shutil.copy(source / file, plain)
    model.save_pretrained(plain)
    settings = {"tokenizer_class": tokenizer, "model_max_length": 40}
    (plain / "tokenizer_config.json").write_text(json.dumps(settings))
    made[kind] = tmp_path_factory.mktemp(name)
    _save(plain, made[kind])
    return made[kind]

  return make


def _save(plain, path):
  import sentence_transformers
  from sentence_transformers.models import Dense, Normalize, Pooling, Transformer

  parts = [Transformer(str(plain)), Pooling(32), Dense(32, 16), Normalize()]
  sentence_transformers.SentenceTransformer(modules=parts, device="cpu").save(str(path))


def entries(path):
  """What a JSON file says, as a dict; of modules.json, of the pooling."""
  content = json.loads(path.read_text("utf-8"))
  return content[1] if path.name == "modules.json" else content


def change(folder, file, values):
  """Sets keys of a file; of tokenizer.json's model, only what is given."""
  path = folder / file
  content = json.loads(path.read_text("utf-8"))
  target = content[1] if file == "modules.json" else content
  for key, value in values.items():
    old = target.get(key)
    inside = file == "tokenizer.json" and key == "model"
    target[key] = old | value if inside else value
  path.write_text(json.dumps(content), "utf-8")


def copied(folder, tmp_path):
  path = tmp_path / "copy"
  shutil.rmtree(path, ignore_errors=True)
  return shutil.copytree(folder, path)


def theirs(folder):
  from sentence_transformers import SentenceTransformer

  return SentenceTransformer(str(folder), device="cpu").encode(TEXTS, batch_size=1)


def applicable(kind, *verdicts):
  """Yields (file, key, verdict, other value) of what counts for a kind of model."""
  for file, keys in KEYS.items():
    for key, (verdict, value) in keys.items():
      if verdict in verdicts and kind in ONLY_OF.get(key, KINDS):
        yield file, key, verdict, value


@pytest.mark.heavy
@pytest.mark.parametrize("kind", KINDS)
def test_every_key_has_a_verdict(folder_of, kind):
  from sentence_transformers.models import Dense, Normalize, Pooling, Transformer
  import transformers

  folder = folder_of(kind)
  found = {str(path.relative_to(folder)) for path in folder.rglob("*.json")}
  assert found == set(KEYS)
  for file in found:
    assert entries(folder / file).keys() - KEYS[file].keys() == set(), file
  name, _, sizes = KINDS[kind]
  whole = getattr(transformers, f"{name}Config")(**sizes).to_dict()
  assert whole.keys() - CONFIG.keys() == set()
  modules = {"sentence_bert_config.json": Transformer, "1_Pooling/config.json": Pooling}
  modules |= {"2_Dense/config.json": Dense, "3_Normalize/config.json": Normalize}
  for file, module in modules.items():
    assert set(module.config_keys) - KEYS[file].keys() == set(), file


@pytest.mark.heavy
@pytest.mark.parametrize("kind", TRIED)
def test_what_is_harmless_changes_nothing_there_nor_here(folder_of, tmp_path, kind):
  folder = copied(folder_of(kind), tmp_path)
  before = theirs(folder)
  np.testing.assert_allclose(SentenceEncoder(folder).encode(TEXTS), before, atol=1e-5)
  for file, key, _, value in applicable(kind, "harmless"):
    if key != "tokenizer_class":  # Alone, below: another class follows other keys.
      change(folder, file, {key: value})
  np.testing.assert_allclose(theirs(folder), before, atol=1e-6)
  np.testing.assert_allclose(SentenceEncoder(folder).encode(TEXTS), before, atol=1e-5)


@pytest.mark.heavy
@pytest.mark.parametrize("kind", TRIED)
def test_what_is_refused_is_said_in_one_line(folder_of, tmp_path, kind):
  folder = folder_of(kind)
  refused = list(applicable(kind, "refused", "sizes"))
  for file, key, verdict, value in refused:
    if verdict == "sizes" and (key not in entries(folder / file) or value == kind):
      continue
    changed = copied(folder, tmp_path)
    change(changed, file, {key: value})
    with pytest.raises(InputError) as caught:
      opened(changed, "float32")
    assert "\n" not in str(caught.value) and str(changed) in str(caught.value), key


@pytest.mark.heavy
def test_what_is_warned_of_is_said(folder_of, tmp_path, capsys):
  for file, key, _, value in applicable("bert", "warned"):
    changed = copied(folder_of("bert"), tmp_path)
    opened(changed, "float32")
    assert key not in capsys.readouterr().err
    change(changed, file, {key: value})
    opened(changed, "float32")
    assert f"disagree on {key}" in capsys.readouterr().err


def of_folder(path):
  """All that is read of a folder but its tensors, and ids of texts by its tokenizer."""
  content, _, tokenizer, _ = opened(path, "float32")
  ids, _ = tokenizer.encode(TEXTS, content.max_length)
  settings = (content.model, content.head, content.max_length)
  more = (content.prompts, content.default_prompt, content.similarity)
  return settings, more, [ids_L.tolist() for ids_L in ids]


@pytest.mark.heavy
@pytest.mark.parametrize("kind", TRIED)
def test_what_is_followed_counts_and_gives_their_vectors(folder_of, tmp_path, kind):
  folder = copied(folder_of(kind), tmp_path)
  # As the classes of transformers rebuild the tokenizer, most of tokenizer.json counts in this one.
  change(folder, "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"})
  before = of_folder(folder)
  together = tmp_path / "together"
  shutil.copytree(folder, together)
  for file, key, _, value in applicable(kind, "followed"):
    present = key in entries(folder / file)
    if file == "config.json" and not present:
      continue
    if key in ("added_tokens", "post_processor"):  # Other settings need them.
      continue
    if key == "model" and kind == "xlm-roberta":
      continue
    change(together, file, {key: value})
    if key == "default_prompt_name":  # It names one of the prompts.
      continue
    changed = tmp_path / "changed"
    shutil.rmtree(changed, ignore_errors=True)
    shutil.copytree(folder, changed)
    change(changed, file, {key: value})
    assert of_folder(changed) != before, key
  expected = theirs(together)
  np.testing.assert_allclose(SentenceEncoder(together).encode(TEXTS), expected, atol=1e-5)
  assert np.abs(expected - theirs(folder)).max() > 0.1
  # A folder is written only where its padding id fits its positions.
  change(together, "config.json", {"pad_token_id": entries(folder / "config.json")["pad_token_id"]})
  expected = theirs(together)
  model_folder.write(tmp_path / "again", model_folder.read(together))
  np.testing.assert_allclose(theirs(tmp_path / "again"), expected, atol=1e-5)
