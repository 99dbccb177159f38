"""Folders of well-known models that are not what the model needs are said to be so."""

import dataclasses
import json

import pytest
from tokenizers import Tokenizer as Backend
from tokenizers import normalizers

from labse_jax import model_folder
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.model_folder import known_models
from labse_jax.tokenizer.tokenizer import Tokenizer

LABSE = {"pooling": "cls", "dense": 768, "dense_activation": "tanh", "normalize": True}
MEAN = {"pooling": "mean", "dense": 0, "dense_activation": "tanh", "normalize": True}
QUERY = {"prompts": {"query": "query: "}, "default_prompt": "query"}
SIZES = {
  "labse": dict(vocab_size=501_153, width=768),
  "mbert": dict(vocab_size=119_547, width=768),
  "lealla": dict(vocab_size=501_153, width=192),
}


@pytest.fixture
def said(tmp_path, tiny_content):
  """said(name, head, ...) -> the warnings for a folder of that name; no tensor is looked at."""

  def warnings(name, head, *, lowercases=False, modules=True, model=None, **options):
    path = tmp_path / name
    path.mkdir()
    if modules:
      (path / "modules.json").touch()
    backend = Backend.from_file(str(tiny_content.tokenizer_file))
    if lowercases:
      backend.normalizer = normalizers.Sequence([normalizers.Lowercase(), backend.normalizer])
    backend.save(str(path / "tokenizer.json"))
    (path / "config.json").write_text(json.dumps({"_name_or_path": options.pop("says", "")}))
    (path / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    model = {"position_offset": 0, **tiny_content.model, **(model or {})}
    content = dataclasses.replace(
      tiny_content,
      model=model,
      head=head,
      params={},
      tokenizer_file=path / "tokenizer.json",
      **options,
    )
    return known_models.warnings(path, content, Tokenizer(path / "tokenizer.json"))

  return warnings


GOOD = {
  "LaBSE": (LABSE, dict(model=SIZES["labse"])),
  "LEALLA": (LABSE | {"dense": 192}, dict(model=SIZES["lealla"])),
  "multilingual-e5-base": (MEAN, QUERY),
  "e5-small-v2": (MEAN, QUERY | dict(lowercases=True)),
  "bert-base-multilingual-cased": (MEAN, dict(model=SIZES["mbert"])),
  "mine": (MEAN | {"pooling": "max"}, {}),
  "multilingual-e5-large-instruct": (MEAN, {}),  # Has prompts of its own.
  "bge5-base": (MEAN, {}),
  "e5-base": (LABSE, dict(model=SIZES["labse"])),  # Its sizes say more than where it lies.
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_right_is_silent(said, name):
  head, options = GOOD[name]
  assert said(name, head, **options) == []


WRONG = {
  "LaBSE, mean": (
    MEAN,
    dict(model=SIZES["labse"]),
    ["LaBSE needs cls pooling, not mean; a dense layer of 768 with tanh"],
  ),
  "LaBSE, no dense": (LABSE | {"dense": 0}, dict(model=SIZES["labse"]), ["a dense layer of 768"]),
  "LaBSE, identity": (
    LABSE | {"dense_activation": "identity"},
    dict(model=SIZES["labse"]),
    ["with tanh"],
  ),
  "LaBSE, uncased": (LABSE, dict(model=SIZES["labse"], lowercases=True), ["keeps capitals"]),
  "LaBSE, plain": (
    MEAN,
    dict(model=SIZES["labse"], modules=False),
    ["has no modules.json, so the mean", "LaBSE needs cls pooling"],
  ),
  "LEALLA, mean": (MEAN, dict(model=SIZES["lealla"]), ["LEALLA needs cls pooling"]),
  "my-multilingual-e5-small": (
    MEAN,
    {},
    ["multilingual E5 needs 'query: ' or 'passage: ' before each text, not ''"],
  ),
  "x": (MEAN, dict(says="intfloat/multilingual-e5-large"), ["'query: ' or 'passage: '"]),
  "e5-large": (MEAN, QUERY, ["E5 needs a tokenizer that lowercases"]),
  "e5-base": (
    LABSE,
    QUERY | dict(lowercases=True),
    ["E5 needs mean pooling, not cls; no dense layer"],
  ),
  "mBERT": (
    MEAN,
    dict(model=SIZES["mbert"], modules=False),
    ["has no modules.json", "mBERT was not trained for vectors of sentences"],
  ),
  "XLM-R": (
    MEAN,
    dict(model=dict(vocab_size=250_002, position_offset=2), lowercases=True),
    ["XLM-R needs a tokenizer that keeps capitals"],
  ),
  "plain": (MEAN, dict(modules=False), ["has no modules.json"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said(said, name):
  head, options, expected = WRONG[name]
  lines = said(name, head, **options)
  assert len(lines) == len(expected)
  assert all(part in line for part, line in zip(expected, lines, strict=True)), lines


def test_opening_a_folder_says_it(tmp_path, tiny_content, capsys):
  path = tmp_path / "multilingual-e5-small"
  model_folder.write(path, tiny_content)
  SentenceEncoder.load(path)
  said = capsys.readouterr().err
  assert said.startswith(f"labse-jax: warning: {path}: multilingual E5 needs mean pooling, not cls")
  assert said.count("\n") == 1


E5_LINE = "needs 'passage: ' before each document, not 'query: ' (--prompt, or prompt=, gives it)."


@pytest.mark.parametrize(
  ("need", "role", "prompt", "line"),
  [
    (known_models.E5, "query", "query: ", None),
    (known_models.E5, "document", "passage: ", None),
    (known_models.E5, "document", "query: ", f"E5 {E5_LINE}"),
    (known_models.MULTILINGUAL_E5, "document", "query: ", f"multilingual E5 {E5_LINE}"),
    (
      known_models.E5,
      "query",
      "",
      "E5 needs 'query: ' before each query, not '' (--query-prompt, or prompt=, gives it).",
    ),
    (known_models.LABSE, "document", "any: ", None),
  ],
)
def test_each_role_has_its_prompt(need, role, prompt, line):
  assert known_models.role_warning(need, role, prompt) == line
