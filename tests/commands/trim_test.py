"""`trim`: the command as a person runs it, on both kinds of tokenizer."""

import dataclasses
import gzip
import json
import os
import shutil

import numpy as np
import pytest

from labse_jax import model_folder, trim
from labse_jax.base import errors
from labse_jax.data.sources import Pair
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.model_folder import weights
from labse_jax.model_folder.tensor_names import NAMES
from labse_jax.tokenizer.tokenizer import Tokenizer
from tests.support.needs import need_torch
from tests.support.tiny import write_dataset
from tests.support.tiny_model import MODEL

BOTH = pytest.mark.parametrize("model", ["unigram", "wordpiece"], indirect=True)


@pytest.fixture(scope="module")
def model(request, tmp_path_factory, tiny_content):
  """A model folder with a default prompt; its tokenizer is Unigram unless a test asks for BOTH."""
  content = dataclasses.replace(tiny_content, prompts={"q": "query: "}, default_prompt="q")
  if getattr(request, "param", "") == "wordpiece":
    file = request.getfixturevalue("tiny_wordpiece") / "tokenizer.json"
    content = dataclasses.replace(content, tokenizer_file=file)
  path = tmp_path_factory.mktemp("trim") / "model"
  model_folder.write(path, content)
  return path


@pytest.fixture
def texts(tmp_path, many_scripts):
  """Two files of real lines in a hundred languages; one line is blank, one has odd characters."""
  (tmp_path / "a.txt").write_text("\n".join([*many_scripts[:150], "", "☃ [SEP] ⴰⴱ"]), "utf-8")
  (tmp_path / "b.gz").write_bytes(gzip.compress("\n".join(many_scripts[150:300]).encode()))
  return [tmp_path / "a.txt", tmp_path / "b.gz"]


@pytest.fixture
def command(model, texts, tmp_path, capsys):
  """command(rows=9, text=[...]) -> (exit status, the output folder, what was printed)."""

  def call(**flags):
    flags = {"model": model, "output": tmp_path / "out"} | flags
    if not {"text", "data"} & flags.keys():
      flags["text"] = texts
    argv = []
    for name, value in flags.items():
      argv += [f"--{name}", *(map(str, value) if isinstance(value, list) else [str(value)])]
    with pytest.raises(SystemExit) as status:
      errors.run(trim.main, argv)
    return status.value.code, tmp_path / "out", capsys.readouterr()

  return call


def certificate_of(output):
  return json.loads((output / "certificate.json").read_text("utf-8"))


def lines_of(texts):
  text = texts[0].read_text("utf-8") + "\n" + gzip.decompress(texts[1].read_bytes()).decode()
  return [line for line in text.split("\n") if line]


@pytest.mark.heavy
@BOTH
def test_without_a_budget_every_line_is_the_same(command, model, texts):
  status, output, said = command()
  assert status == 0
  facts, lines = certificate_of(output), lines_of(texts)
  assert facts["lines"] == len(lines) == 301
  assert facts["identical"] == {"lines": 301, "share": 1.0}
  assert facts["others"] == {"lines": 0, "worst_cosine": None, "mean_cosine": None, "places": []}
  assert facts["rows"]["before"] == 1000 > facts["rows"]["after"] > 100
  assert facts["bytes"]["after"] == (output / "model.safetensors").stat().st_size
  assert facts["bytes"]["before"] == (model / "model.safetensors").stat().st_size
  card = (output / "README.md").read_text("utf-8")
  assert f"of 1,000 word pieces it keeps the {facts['rows']['after']:,} that" in card
  assert "in the full model, and so with the same vectors | 301 of 301 | the text |" in card
  assert (
    "301 of 301 lines (100.0 %) keep their ids, and so their vectors to the last bit" in said.out
  )
  full, trimmed = SentenceEncoder.load(model), SentenceEncoder.load(output)
  assert len(trimmed.tokenizer) == facts["rows"]["after"]
  assert trimmed.default_prompt_name == "q"
  assert np.array_equal(full.encode(lines), trimmed.encode(lines))


@BOTH
def test_a_word_of_the_texts_characters_is_still_spelled(command, texts):
  texts[0].write_text("zebra box quick fjord wimp vault")
  _, output, _ = command(text=texts[:1])
  assert certificate_of(output)["identical"]["lines"] == 1  # The prompt's colon is not lost.
  tokenizer = Tokenizer(output / "tokenizer.json")
  unknown = tokenizer.special_ids["unk"]
  assert all(unknown not in ids for ids in tokenizer.encode_whole(["bezar query tluav jumpquix"]))


@pytest.mark.heavy
@BOTH
def test_a_budget_keeps_what_is_used_most(command, model, texts):
  status, output, said = command(rows=400)
  facts = certificate_of(output)
  assert status == 0 and facts["rows"]["after"] == 400
  others, lines = facts["others"], lines_of(texts)
  assert others["lines"] + facts["identical"]["lines"] == 301 and 0 < others["lines"] < 301
  files = {
    str(texts[0]): texts[0].read_text("utf-8").split("\n"),
    str(texts[1]): gzip.decompress(texts[1].read_bytes()).decode().split("\n"),
  }
  named = []
  for place in others["places"]:
    path, number = place.rsplit(":", 1)
    named.append(files[path][int(number) - 1])
  full, trimmed = SentenceEncoder.load(model), SentenceEncoder.load(output)
  same = [line for line in lines if line not in named]
  assert len(same) == facts["identical"]["lines"]
  assert np.array_equal(full.encode(same), trimmed.encode(same))
  cosine = (full.encode(named).astype(float) * trimmed.encode(named)).sum(1)
  np.testing.assert_allclose(others["worst_cosine"], cosine.min(), atol=1e-5)
  assert f"{others['worst_cosine']:.6f} at worst" in said.out
  assert said.out.count("\n") == 3 and said.err == ""


def test_chosen_ids_by_hand():
  counts_V = np.array([9, 0, 5, 1, 5, 7, 0])
  for limit, kept in ((9, [1, 0, 2, 3, 4, 5]), (4, [0, 1, 2, 5]), (2, [0, 1]), (1, [1])):
    assert trim.chosen(counts_V, {1}, limit).tolist() == sorted(kept)
  assert trim.chosen(counts_V, {0, 2}, 3).tolist() == [0, 2, 5]


@pytest.mark.heavy
@pytest.mark.parametrize("storage", ["float32", "int8_rows"])
def test_megabytes_are_the_files(command, storage):
  _, output, _ = command(rows=400, storage=storage)
  size = (output / "model.safetensors").stat().st_size
  status, output, said = command(megabytes=size / 1e6 + 0.004, storage=storage)
  facts = certificate_of(output)
  assert status == 0 and facts["bytes"]["after"] <= size + 4000
  assert 340 < facts["rows"]["after"] <= 400 + 4000 // 32 and facts["storage"] == storage
  assert (facts["drift"] is None) == (storage == "float32")
  if storage != "float32":
    assert facts["drift"]["lines"] == facts["identical"]["lines"] > 0
    assert 0.99 < facts["drift"]["worst_cosine"] <= facts["drift"]["mean_cosine"] < 1
    assert "by the storage: cosine to the full model 0.99" in said.out
  assert ("Only labse_jax opens" in said.out) == (storage == "int8_rows")


@pytest.mark.heavy
def test_a_trimmed_model_is_trimmed_again_in_its_own_storage(command, tmp_path, texts):
  _, first, _ = command(storage="float16", output=tmp_path / "first")
  first = tmp_path / "first"
  status, output, said = command(model=first, text=texts[:1])
  facts = certificate_of(output)
  assert status == 0 and facts["storage"] == "float16" and facts["drift"] is None
  assert facts["rows"]["after"] < facts["rows"]["before"] == certificate_of(first)["rows"]["after"]
  lines = lines_of(texts)[:100]
  vectors = [SentenceEncoder.load(path).encode(lines) for path in (first, output)]
  assert np.array_equal(*vectors)


def test_a_dataset_gives_its_text_in_some_languages(command, tmp_path):
  pairs = [Pair("eng", "deu", "-", "hello world", "Wetter"), Pair("eng", "fra", "-", "a", "été")]
  write_dataset(tmp_path / "data", pairs)
  _, output, _ = command(data=tmp_path / "data", languages="deu,fra")
  facts = certificate_of(output)
  assert facts["lines"] == 2 and facts["languages"] == "deu,fra"
  status, _, said = command(data=tmp_path / "data", languages="deu,swh")
  assert status == 2 and "holds no language 'swh'; choose from deu" in said.err


def test_sentence_transformers_gives_the_same_vectors(command, texts):
  need_torch()
  from sentence_transformers import SentenceTransformer

  _, output, _ = command()
  lines = lines_of(texts)
  theirs = SentenceTransformer(str(output), device="cpu").encode(lines)
  np.testing.assert_allclose(SentenceEncoder.load(output).encode(lines), theirs, atol=1e-5)


@pytest.mark.heavy
def test_an_xlmr_of_a_sentencepiece_model_keeps_its_padding_id(
  command, tmp_path, xlmr_vocabulary, texts
):
  sizes = MODEL | {"types": 1, "position_offset": 2, "relative_buckets": 0}
  params = weights.allocate(sizes)
  rng = np.random.default_rng(0)
  for view in weights.views(params, sizes, NAMES["xlm-roberta"]).values():
    view[...] = rng.normal(size=view.shape) * 0.2
  head = {"pooling": "mean", "dense": 0, "dense_activation": "tanh", "normalize": True}
  model_folder.write(
    tmp_path / "xlmr",
    model_folder.ModelFolder(sizes, head, params, xlmr_vocabulary / "sentencepiece.bpe.model", 62),
  )
  (tmp_path / "xlmr" / "tokenizer.json").unlink()
  shutil.copy(xlmr_vocabulary / "sentencepiece.bpe.model", tmp_path / "xlmr")
  status, output, _ = command(model=tmp_path / "xlmr")
  assert status == 0 and certificate_of(output)["identical"]["share"] == 1
  assert json.loads((output / "config.json").read_text())["pad_token_id"] == 1
  full, trimmed = SentenceEncoder.load(tmp_path / "xlmr"), SentenceEncoder.load(output)
  assert trimmed.tokenizer.special_ids["mask"] == certificate_of(output)["rows"]["after"] - 1
  lines = lines_of(texts)
  assert np.array_equal(full.encode(lines), trimmed.encode(lines))


def test_wrong_input_is_one_line_and_writes_nothing(command, model, texts, tmp_path):
  (tmp_path / "empty").write_text("\n \n")
  os.mkfifo(tmp_path / "pipe")
  (tmp_path / "full").mkdir()
  (tmp_path / "full" / "thesis.txt").write_text("ten years of work")
  for flags, message in (
    ({"text": tmp_path / "none"}, "none: no such file or folder"),
    ({"text": tmp_path / "empty"}, "The text has no line"),
    ({"text": tmp_path / "pipe"}, "pipe: is read more than once"),
    ({"model": tmp_path / "none"}, "none: no such folder"),
    ({"model": tmp_path / "full"}, "not a model folder"),
    ({"output": tmp_path / "full"}, "holds other files (and no certificate.json)"),
    ({"output": model}, "holds other files (and no certificate.json)"),
    ({"rows": 0}, "--pieces 0: a number more than 0"),
    ({"megabytes": "nan"}, "--megabytes nan: a number"),
    ({"megabytes": "inf"}, "--megabytes inf: a number"),
    ({"rows": 6}, "characters alone need"),
    ({"megabytes": 0.001}, "megabytes (float32)"),
    ({"languages": "deu"}, "--languages is of --data"),
  ):
    status, output, said = command(**flags)
    assert status == 2 and message in said.err and said.err.count("\n") == 1, said.err
    assert not output.exists() and said.out == ""
  assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.txt"]


def test_the_least_that_is_said_is_enough(command, texts):
  (texts[0]).write_text("one two three")
  for flag, little in (("rows", 1), ("megabytes", 1e-9)):
    _, _, said = command(text=texts[:1], **{flag: little})
    least = said.err.split("alone need ")[1].split()[0].replace(",", "")
    status, output, _ = command(text=texts[:1], **{flag: least})
    assert status == 0 and certificate_of(output)["rows"]["after"] >= 5
    if flag == "rows":
      assert command(text=texts[:1], rows=int(least) - 1)[0] == 2


def test_a_trimmed_model_is_not_written_over_itself(command, texts):
  texts[0].write_text("one two three")
  _, output, _ = command(text=texts[:1])
  before = (output / "certificate.json").read_bytes()
  status, _, said = command(model=output)
  assert status == 2 and "is, or holds, the input" in said.err
  assert (output / "certificate.json").read_bytes() == before
