"""A warning comes just where transformers gives other ids than the folder's tokenizer.json."""

import json
import shutil

import pytest

from labse_jax.tokenizer.letter_case import case_mismatch
from labse_jax.tokenizer.tokenizer import Tokenizer
from tests.support.needs import need_torch


def write(folder, **contents):
  for name, content in ({"config": {"model_type": "bert"}} | contents).items():
    (folder / f"{name}.json").write_text(json.dumps(content))


@pytest.mark.heavy
@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize(
  "settings",
  [
    {},
    {"do_lower_case": True},
    {"do_lower_case": False},
    {"strip_accents": True},
    {"do_lower_case": False, "strip_accents": False},
    {"tokenize_chinese_chars": False},
  ],
)
@pytest.mark.parametrize(
  "kind", [None, "BertTokenizer", "BertTokenizerFast", "PreTrainedTokenizerFast"]
)
def test_case_mismatch_is_where_transformers_gives_other_ids(
  tmp_path, tiny_wordpiece, kind, settings, lowercase
):
  need_torch()
  from transformers import AutoTokenizer

  content = json.loads((tiny_wordpiece / "tokenizer.json").read_text("utf-8"))
  content["normalizer"] |= {"lowercase": lowercase, "strip_accents": None}
  write(
    tmp_path,
    tokenizer=content,
    tokenizer_config=settings | ({"tokenizer_class": kind} if kind else {}),
  )
  theirs = AutoTokenizer.from_pretrained(tmp_path).backend_tokenizer
  ours = Tokenizer(tmp_path / "tokenizer.json")
  message = case_mismatch(ours, tmp_path)
  normalised = [
    backend.normalizer.normalize_str("The \u00c9t\u00e9 p\u00e1ge \u5317\u4eac")
    for backend in (theirs, ours.backend)
  ]
  assert (message is None) == (normalised[0] == normalised[1])
  assert message is None or "\n" not in message


def test_case_mismatch_names_what_disagrees(tmp_path, tiny_wordpiece):
  shutil.copy(tiny_wordpiece / "tokenizer.json", tmp_path)  # Cased.
  tokenizer = Tokenizer(tmp_path / "tokenizer.json")
  assert "disagree on do_lower_case, strip_accents." in case_mismatch(tokenizer, tmp_path)
  assert "is silent, its defaults" in case_mismatch(tokenizer, tmp_path)
  write(tmp_path, tokenizer_config={"do_lower_case": True, "strip_accents": False})
  message = case_mismatch(tokenizer, tmp_path)
  assert "disagree on do_lower_case." in message and "silent" not in message
  content = json.loads((tmp_path / "tokenizer.json").read_text("utf-8"))
  content["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "Lowercase"}]}
  write(tmp_path, tokenizer=content)
  assert case_mismatch(Tokenizer(tmp_path / "tokenizer.json"), tmp_path) is None


def test_case_mismatch_is_nothing_for_what_was_built_or_is_no_wordpiece(
  tmp_path, tiny_wordpiece, tiny_vocabulary
):
  shutil.copy(tiny_wordpiece / "vocab.txt", tmp_path)
  write(tmp_path, tokenizer_config={"do_lower_case": False})
  assert case_mismatch(Tokenizer(tmp_path / "vocab.txt"), tmp_path) is None
  assert case_mismatch(Tokenizer(tiny_vocabulary / "tokenizer.json"), tmp_path) is None
