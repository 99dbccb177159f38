"""The model format: what others wrote is read, what we wrote others read, the rest is refused."""

import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from labse_jax import model_folder
from labse_jax.base.errors import InputError
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.model_folder import weights
from labse_jax.model_folder.tensor_names import NAMES
from tests.support.needs import need_torch
from tests.support.odd_text import fuzzed

HEADS = [
  ("mean", 0, True),
  ("max", 0, False),
  ("cls", 0, True),
  ("cls", 32, True),
  ("cls", 16, False),
  ("mean", 16, True),
  ("mean_sqrt_len", 0, True),
  ("weighted_mean", 0, False),
]


def edit(path, **changes):
  """Sets keys of a JSON file; a value of None takes the key away."""
  value = json.loads(path.read_text()) | changes
  path.write_text(json.dumps({k: v for k, v in value.items() if v is not None}))


def edit_tensors(path, change):
  tensors = load_file(path)
  change(tensors)
  save_file(tensors, path, metadata={"format": "pt"})


@pytest.fixture
def copy(tmp_path, tiny_folder):
  return shutil.copytree(tiny_folder, tmp_path / "copy")


@pytest.mark.heavy
@pytest.mark.parametrize("head", HEADS)
def test_read_gives_back_what_was_written(tmp_path, with_head, head):
  content = with_head(*head)
  model_folder.write(tmp_path / "m", content)
  again = model_folder.read(tmp_path / "m")
  plain = {"position_offset": 0, "relative_buckets": 0}
  assert again.model == content.model | plain and again.max_length == 64
  assert tuple(again.head[key] for key in ("pooling", "dense", "normalize")) == head
  rows = content.params["bert"]["word_embedding"].shape[0]
  content.params["bert"]["word_embedding"] = np.where(
    np.arange(rows)[:, None] < 1000, content.params["bert"]["word_embedding"], 0
  )
  jax.tree.map(np.testing.assert_array_equal, again.params, content.params)


@pytest.mark.heavy
def test_the_table_is_cut_to_the_vocabulary(tiny_folder):
  tensors = load_file(tiny_folder / "model.safetensors")
  assert tensors["embeddings.word_embeddings.weight"].shape == (1000, 32)
  read = model_folder.read(tiny_folder).params["bert"]["word_embedding"]
  assert read.shape == (1024, 32) and not read[1000:].any()


def test_prompts_and_limits_are_kept(tmp_path, tiny_content):
  content = dataclasses.replace(
    tiny_content, prompts={"query": "q: "}, default_prompt="query", max_length=20
  )
  model_folder.write(tmp_path / "m", content)
  again = model_folder.read(tmp_path / "m")
  assert (again.prompts, again.default_prompt, again.max_length) == ({"query": "q: "}, "query", 20)


def test_no_more_tokens_than_positions(copy):
  edit(copy / "sentence_bert_config.json", max_seq_length=512)
  assert model_folder.read(copy).max_length == 64


def test_an_empty_prompt_may_be_null(copy):
  edit(copy / PROMPTS, prompts={"query": None, "document": "d: "}, default_prompt_name="query")
  assert model_folder.read(copy).prompts == {"query": "", "document": "d: "}


@pytest.mark.parametrize("kind", ["distilbert", "xlm-roberta"])
def test_the_limit_in_a_file_of_an_older_name(copy, kind):
  (copy / LIMITS).rename(copy / f"sentence_{kind}_config.json")
  edit(copy / f"sentence_{kind}_config.json", max_seq_length=17)
  assert model_folder.read(copy).max_length == 17


def test_precisions_that_are_mixed_are_kept_without_loss(copy, tmp_path):
  table = "embeddings.word_embeddings.weight"
  edit_tensors(copy / "model.safetensors", lambda t: t.update({table: t[table].astype("f2")}))
  before = load_file(copy / "model.safetensors")
  content = model_folder.read(copy)
  assert content.dtype == "float32"
  model_folder.write(tmp_path / "again", content)
  after = load_file(tmp_path / "again" / "model.safetensors")
  for name, tensor in before.items():
    np.testing.assert_array_equal(after[name], tensor)


def test_a_tokenizer_without_added_tokens_is_written(copy, tmp_path):
  rewrite(lambda content: content.pop("added_tokens"))(copy)
  (copy / "tokenizer_config.json").write_text("{}")  # Names no token that would have to be added.
  model_folder.write(tmp_path / "again", model_folder.read(copy))
  assert json.loads((tmp_path / "again" / CONFIG).read_text())["pad_token_id"] == 0


@pytest.mark.parametrize("moment", ["_write_encoder", "_write_tokenizer", "_write_modules"])
def test_a_write_that_fails_leaves_the_old_folder_whole(copy, tiny_content, monkeypatch, moment):
  before = {p: p.read_bytes() for p in copy.rglob("*") if p.is_file()}
  write = getattr(model_folder, moment)

  def fail(*args):
    write(*args)
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(model_folder, moment, fail)
  with pytest.raises(OSError, match="No space left"):
    model_folder.write(copy, dataclasses.replace(tiny_content, max_length=8))
  assert {p: p.read_bytes() for p in copy.rglob("*") if p.is_file()} == before
  assert list(copy.parent.iterdir()) == [copy]


def test_old_names_and_a_prefix_and_unused_heads_are_read(copy):
  def rename(tensors):
    for name in list(tensors):
      old = name.replace("LayerNorm.weight", "LayerNorm.gamma")
      old = "bert." + old.replace("LayerNorm.bias", "LayerNorm.beta")
      tensors[old] = tensors.pop(name)
    tensors["cls.predictions.bias"] = np.zeros(1000, np.float32)
    tensors["bert.embeddings.position_ids"] = np.zeros((1, 64), np.int64)

  plain = model_folder.read(copy).params
  edit_tensors(copy / "model.safetensors", rename)
  jax.tree.map(np.testing.assert_array_equal, model_folder.read(copy).params, plain)


def test_half_precision_weights_are_read_as_float32(copy):
  def halve(tensors):
    for name in tensors:
      tensors[name] = tensors[name].astype("float16")

  edit_tensors(copy / "model.safetensors", halve)
  assert {leaf.dtype for leaf in jax.tree.leaves(model_folder.read(copy).params)} == {
    np.dtype("f4")
  }


def test_a_weight_that_half_precision_cannot_hold_is_refused(tiny_content, tmp_path):
  bert = tiny_content.params["bert"]
  position_LD = bert["position_embedding"].copy()
  position_LD[3, 4] = 70_000
  params = tiny_content.params | {"bert": bert | {"position_embedding": position_LD}}
  content = dataclasses.replace(tiny_content, params=params, dtype="float16")
  with pytest.raises(InputError, match="position.*has a value that is too large for float16"):
    model_folder.write(tmp_path / "new", content)
  model_folder.write(tmp_path / "new", dataclasses.replace(content, dtype="float32"))
  assert model_folder.read(tmp_path / "new").params["bert"]["position_embedding"][3, 4] == 70_000


def test_layers_and_tensors_are_each_other_s_inverse(tiny_content):
  tensors = weights.views(tiny_content.params, tiny_content.model, NAMES["bert"])
  # As PyTorch has it: [out, in]; query, key and value apart; heads side by side.
  kernel = tiny_content.params["bert"]["blocks"]["query_key_value"]["kernel"]
  weight = tensors["encoder.layer.1.attention.self.key.weight"]
  assert weight.shape == (32, 32) and weight[9, 5] == kernel[1, 5, 1, 1, 1]
  up = tensors["encoder.layer.0.intermediate.dense.weight"]
  assert up.shape == (64, 32)
  assert up[40, 3] == tiny_content.params["bert"]["blocks"]["up"]["kernel"][0, 3, 40]


def drop(name):
  return lambda path: edit_tensors(path / "model.safetensors", lambda t: t.pop(name))


def modules(change):
  def apply(path):
    value = json.loads((path / "modules.json").read_text())
    (path / "modules.json").write_text(json.dumps(change(value)))

  return apply


def set_json(name, **changes):
  return lambda path: edit(path / name, **changes)


def truncate(size):
  def apply(path):
    file = path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:size])

  return apply


def rewrite(change):
  """Changes the content of tokenizer.json."""

  def apply(path):
    content = json.loads((path / "tokenizer.json").read_text("utf-8"))
    change(content)
    (path / "tokenizer.json").write_text(json.dumps(content), "utf-8")

  return apply


def far_frame(content):
  """The tokenizer puts an id behind each sentence that no row has."""
  content["post_processor"]["special_tokens"]["[SEP]"]["ids"] = [5000]


NORM = "embeddings.LayerNorm.weight"
CONFIG, POOLING, DENSE = "config.json", "1_Pooling/config.json", "2_Dense/config.json"
LIMITS, PROMPTS = "sentence_bert_config.json", "config_sentence_transformers.json"
BAD = {
  "no folder": (shutil.rmtree, "no such folder"),
  "no config": (lambda p: (p / "config.json").unlink(), "not a model folder"),
  "no weights": (lambda p: (p / "model.safetensors").unlink(), "model.safetensors: no such"),
  "other type": (set_json(CONFIG, model_type="roberta"), "Unknown model_type.*'roberta'"),
  "no type": (set_json(CONFIG, model_type=None), "Unknown model_type .*None"),
  "missing key": (set_json(CONFIG, hidden_size=None), r"lacks \['hidden_size'\]"),
  "text for a number": (set_json(CONFIG, hidden_size="32"), "hidden_size is '32'"),
  "heads": (set_json(CONFIG, num_attention_heads=5), "5 heads do not divide 32"),
  "hidden activation": (set_json(CONFIG, hidden_act="swish"), "'swish'"),
  "relative": (set_json(CONFIG, position_embedding_type="relative_key"), "relative"),
  "missing tensor": (drop(NORM), f"missing: {NORM}"),
  "missing layer": (set_json(CONFIG, num_hidden_layers=3), "missing: encoder.layer.2"),
  "unused layer": (set_json(CONFIG, num_hidden_layers=1), "not of this model: .*layer.1"),
  "misshapen": (set_json(CONFIG, vocab_size=999), r"F32 \(1000, 32\); F32 \(999, 32\) is needed"),
  "unused tensor": (
    lambda p: edit_tensors(p / "model.safetensors", lambda t: t.update(extra=t[NORM])),
    "not of this model: extra",
  ),
  "empty weights": (truncate(0), "damaged safetensors"),
  "half a header": (truncate(100), "damaged safetensors"),
  "cut weights": (truncate(-9), "damaged safetensors"),
  "dense tensor": (set_json(DENSE, out_features=31), "misshapen: linear"),
  "dense width": (set_json(DENSE, in_features=16), "in_features 16"),
  "dense residual": (set_json(DENSE, use_residual=True), "residual"),
  "dense activation": (
    set_json(DENSE, activation_function="torch.nn.GELU"),
    "activation 'torch.nn.GELU'",
  ),
  "dense without a key": (set_json(DENSE, activation_function=None), "lacks"),
  "pooling": (set_json(POOLING, pooling_mode="lasttoken"), r"pooling \['lasttoken'\]"),
  "old pooling": (
    set_json(POOLING, pooling_mode_cls_token=False, pooling_mode_lasttoken=True),
    "pooling_mode_lasttoken",
  ),
  "two poolings": (set_json(POOLING, pooling_mode_mean_tokens=True), "exactly one"),
  "prompt pooling": (set_json(POOLING, include_prompt=False), "include_prompt"),
  "lower case": (set_json(LIMITS, do_lower_case=True), "do_lower_case"),
  "length": (set_json(LIMITS, max_seq_length=float("nan")), "max_seq_length is nan"),
  "short": (set_json(LIMITS, max_seq_length=-1), "max_seq_length is -1; at least 3"),
  "a list of prompts": (set_json(PROMPTS, prompts=["q: "]), r"prompts is \['q: '\]; a dict"),
  "a prompt that is none": (set_json(PROMPTS, prompts={"q": 3}), "a dict of texts"),
  "default prompt": (set_json(PROMPTS, default_prompt_name=["q"]), r"is \['q'\], but there are no"),
  "truncated": (set_json(PROMPTS, truncate_dim=8), "truncate_dim is not supported"),
  "epsilon": (set_json(CONFIG, layer_norm_eps=-1e-12), "layer_norm_eps is -1e-12"),
  "dropout": (set_json(CONFIG, hidden_dropout_prob=1), "hidden_dropout_prob is 1; like 0.1"),
  "huge table": (set_json(CONFIG, vocab_size=10**15), "config.json asks for 32,000,0"),
  "huge depth": (set_json(CONFIG, num_hidden_layers=10**9), "config.json asks for"),
  "huge dense": (set_json(DENSE, out_features=10**15), "config.json asks for"),
  "dense type": (set_json(DENSE, activation_function=["a"]), r"activation \['a'\]"),
  "dense input": (set_json(DENSE, module_input_name="token_embeddings"), "module_input_name is"),
  "pooling type": (set_json(POOLING, pooling_mode=[["cls"]]), r"pooling \[\['cls'\]\]"),
  "path type": (modules(lambda m: [{**m[0], "path": None}]), "path None names no folder"),
  "path of zeros": (modules(lambda m: [{**m[0], "path": "\0"}]), "names no folder"),
  "deep JSON": (lambda p: (p / CONFIG).write_text("[" * 10**5), "config.json: cannot be read"),
  "the id of [SEP]": (rewrite(far_frame), "5,001 entries, the model 1,000 rows"),
  "leaves": (modules(lambda m: [m[0], {**m[1], "path": "../other"}]), "leaves the folder"),
  "absolute": (modules(lambda m: [m[0], {**m[1], "path": "/etc"}]), "leaves the folder"),
  "module": (modules(lambda m: [*m, {**m[1], "type": "a.LSTM"}]), "unknown module 'a.LSTM'"),
  "two dense": (modules(lambda m: [*m[:3], m[2], m[3]]), "in this order"),
  "order": (modules(lambda m: [m[0], m[1], m[3], m[2]]), "in this order"),
  "no pooling": (modules(lambda m: [m[0]]), "needed: Transformer, Pooling"),
  "no list": (modules(lambda m: {}), "list is needed"),
  "no module": (modules(lambda m: [3]), "3 is not a module"),
  "module key": (modules(lambda m: [{"type": "a.Pooling"}]), r"lacks \['path'\]"),
  "broken JSON": (lambda p: (p / "config.json").write_text("{"), "config.json: cannot be read"),
  "no UTF-8": (lambda p: (p / "modules.json").write_bytes(b"\xff"), "modules.json: cannot be"),
  "not an object": (lambda p: (p / "config.json").write_text("[1]"), "dict is needed"),
  "tokenizer": (lambda p: (p / "tokenizer.json").write_text("{}"), "not a tokenizer.json"),
  "no tokenizer": (lambda p: (p / "tokenizer.json").unlink(), "one of tokenizer.json, vocab.txt"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(copy, name):
  spoil, message = BAD[name]
  spoil(copy)
  with pytest.raises(InputError, match=message) as caught:
    SentenceEncoder.load(copy)
  assert "\n" not in str(caught.value)


def test_more_tokens_than_rows_are_refused(tmp_path, tiny_content):
  bert = dict(tiny_content.params["bert"], word_embedding=np.zeros((1024, 32), np.float32))
  model, params = dict(tiny_content.model, vocab_size=900), {**tiny_content.params, "bert": bert}
  model_folder.write(tmp_path / "m", dataclasses.replace(tiny_content, model=model, params=params))
  with pytest.raises(InputError, match="1,000 entries, the model 900 rows"):
    SentenceEncoder.load(tmp_path / "m")


# What torch, transformers and sentence-transformers make of the same folders.


def open_with_sentence_transformers(path):
  need_torch()
  from sentence_transformers import SentenceTransformer

  return SentenceTransformer(str(path), device="cpu", local_files_only=True)


def assert_same_vectors(path, lines):
  theirs = open_with_sentence_transformers(path)
  ours = SentenceEncoder.load(path)
  expected = theirs.encode(lines, batch_size=64)
  np.testing.assert_allclose(ours.encode(lines), expected, atol=1e-5)
  assert ours.max_seq_length == theirs.max_seq_length
  assert expected.std(0).mean() > 1e-3, "all vectors are one"


@pytest.mark.heavy
@pytest.mark.parametrize("head", HEADS)
def test_our_folder_opens_in_sentence_transformers(tmp_path, with_head, real_lines, head):
  model_folder.write(tmp_path / "m", with_head(*head))
  assert_same_vectors(tmp_path / "m", real_lines[:100])


@pytest.mark.heavy
@pytest.mark.parametrize("lines", ["real_lines", "many_scripts"])
def test_the_same_vectors_on_a_thousand_real_lines(tiny_folder, lines, request):
  lines = request.getfixturevalue(lines)[:1000]
  assert len(lines) == 1000
  assert_same_vectors(tiny_folder, lines)


@pytest.mark.heavy
@pytest.mark.parametrize("lines", ["real_lines", "many_scripts", "fuzzed"])
def test_auto_tokenizer_gives_the_same_ids(tiny_folder, lines, request):
  need_torch()
  from transformers import AutoTokenizer

  lines = list(fuzzed(2000)) if lines == "fuzzed" else request.getfixturevalue(lines)
  theirs = AutoTokenizer.from_pretrained(tiny_folder)(lines, truncation=True)["input_ids"]
  ours, _ = SentenceEncoder.load(tiny_folder).tokenizer.encode(lines, 64)
  assert [ids.tolist() for ids in ours] == theirs


@pytest.mark.heavy
def test_the_pooler_is_the_dense_layer(tiny_folder, real_lines):
  need_torch()
  import torch
  from transformers import AutoModel, AutoTokenizer

  inputs = AutoTokenizer.from_pretrained(tiny_folder)(
    real_lines[:20], padding=True, truncation=True, return_tensors="pt"
  )
  with torch.no_grad():
    z_ND = AutoModel.from_pretrained(tiny_folder)(**inputs).pooler_output
  expected = torch.nn.functional.normalize(z_ND, dim=1)
  got = SentenceEncoder.load(tiny_folder).encode(real_lines[:20])
  np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.fixture(scope="module")
def torch_folders(tmp_path_factory, tiny_folder):
  """Folders that transformers itself wrote: the bare encoder, and one with an LM head."""
  need_torch()
  import torch
  from transformers import AutoTokenizer, BertConfig, BertForMaskedLM, BertModel

  torch.manual_seed(0)
  config = BertConfig(
    vocab_size=1000,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=64,
    max_position_embeddings=64,
  )
  folders = {}
  for kind in (BertModel, BertForMaskedLM):
    model = kind(config)
    with torch.no_grad():
      for parameter in model.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    folders[kind.__name__] = tmp_path_factory.mktemp("torch") / kind.__name__
    model.save_pretrained(folders[kind.__name__])
    AutoTokenizer.from_pretrained(tiny_folder).save_pretrained(folders[kind.__name__])
  return folders


@pytest.mark.heavy
@pytest.mark.parametrize("kind", ["BertModel", "BertForMaskedLM"])
def test_a_folder_of_transformers_is_read_as_sentence_transformers_reads_it(
  torch_folders, real_lines, kind
):
  names = load_file(torch_folders[kind] / "model.safetensors")
  assert any(name.startswith("bert.") for name in names) == (kind == "BertForMaskedLM")
  assert_same_vectors(torch_folders[kind], real_lines[:100])


@pytest.mark.heavy
@pytest.mark.parametrize(
  ("mode", "dense", "bias", "normalize"),
  [
    ("mean", 0, True, True),
    ("cls", 0, True, False),
    ("max", 0, True, True),
    ("cls", 32, True, True),
    ("mean", 16, False, False),
  ],
)
def test_a_folder_saved_by_sentence_transformers_is_read_and_written_again(
  tmp_path, torch_folders, real_lines, mode, dense, bias, normalize
):
  from sentence_transformers import SentenceTransformer
  from sentence_transformers.models import Dense, Normalize, Pooling, Transformer

  parts = [Transformer(str(torch_folders["BertModel"])), Pooling(32, pooling_mode=mode)]
  parts += [Dense(32, dense, bias=bias)] if dense else []
  parts += [Normalize()] if normalize else []
  model = SentenceTransformer(modules=parts, device="cpu")
  model.save(str(tmp_path / "theirs"))
  expected = model.encode(real_lines[:50])
  got = SentenceEncoder.load(tmp_path / "theirs").encode(real_lines[:50])
  np.testing.assert_allclose(got, expected, atol=1e-5)
  model_folder.write(tmp_path / "ours", model_folder.read(tmp_path / "theirs"))
  again = open_with_sentence_transformers(tmp_path / "ours").encode(real_lines[:50])
  np.testing.assert_allclose(again, expected, atol=1e-6)


def test_the_workdir_of_a_run_says_where_its_model_is(tiny_folder, tmp_path):
  run = tmp_path / "run"
  shutil.copytree(tiny_folder, run / "model")
  (run / "config.json").write_text('{"objective": "translation_ranking"}')
  with pytest.raises(InputError) as caught:
    model_folder.read(run)
  assert str(caught.value) == f"{run}: this is the workdir of a run; its model is {run}/model."
  shutil.rmtree(run / "model")
  with pytest.raises(InputError, match="Unknown model_type"):
    model_folder.read(run)
