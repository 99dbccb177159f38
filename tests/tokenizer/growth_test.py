"""Rules that make texts longer and longer are refused; a process is only started where they may."""

import json
import pathlib
import subprocess

import pytest
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from labse_jax.base.errors import InputError
from labse_jax.tokenizer import growth
from labse_jax.tokenizer import tokenizer as ours

PATH = pathlib.Path("tokenizer.json")


def with_rules(*rules, pre_tokenizer=None):
  tokenizer = Tokenizer(models.WordLevel({}))
  tokenizer.normalizer = normalizers.Sequence(list(rules))
  if pre_tokenizer:
    tokenizer.pre_tokenizer = pre_tokenizer
  return tokenizer


@pytest.fixture
def no_trial(monkeypatch):
  def started(*words, **options):
    raise AssertionError("a process was started")

  monkeypatch.setattr(subprocess, "run", started)


@pytest.mark.parametrize(
  "rules",
  [
    [],
    [normalizers.BertNormalizer()],
    [normalizers.Replace(Regex(" {2,}"), "▁"), normalizers.Prepend("▁")],
    [normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()],
    [normalizers.Replace("``", '"'), normalizers.Replace("''", '"')] * 30,
  ],
)
def test_the_usual_rules_need_no_trial(no_trial, rules):
  growth.check(with_rules(*rules), PATH)


def test_own_vocabularies_and_xlm_r_need_no_trial(
  no_trial, tiny_vocabulary, tiny_wordpiece, xlmr_vocabulary
):
  for folder in (tiny_vocabulary, tiny_wordpiece):
    ours.Tokenizer(folder / "tokenizer.json")
  tokenizer = ours.Tokenizer(xlmr_vocabulary / "sentencepiece.bpe.model")
  # U+FDFA becomes these 18 characters, and no other becomes more.
  assert len(tokenizer.backend.normalizer.normalize_str("\ufdfa")) == 18
  assert [growth._factor(rule) for rule in growth._rules(tokenizer.backend)][0] == 18


def test_many_rules_that_do_not_meet_pass_their_trial():
  spellings = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"}
  growth.check(with_rules(*(normalizers.Replace(a, b) for a, b in spellings.items())), PATH)


@pytest.mark.parametrize(
  "rules",
  [
    [normalizers.Replace("a", "b" * 9), normalizers.Replace("b", "a" * 9)] * 2,
    [normalizers.Replace("x" * n, "x" * 3 * n) for n in range(1, 9)],
    [normalizers.Prepend("y" * 100_000)],
    [normalizers.Replace(Regex("(?=.)"), "a")] * 8,
    [normalizers.ByteLevel()] * 9,
  ],
)
def test_what_grows_is_refused(rules):
  with pytest.raises(InputError, match="tokenizer.json: its normalizer makes a text over 64 times"):
    growth.check(with_rules(*rules), PATH)


def test_pre_tokenizers_count_too():
  levels = [pre_tokenizers.ByteLevel(add_prefix_space=False)] * 9
  with pytest.raises(InputError, match="over 64 times"):
    growth.check(with_rules(pre_tokenizer=pre_tokenizers.Sequence(levels)), PATH)


def test_what_does_not_end_is_stopped(tmp_path, tiny_wordpiece, monkeypatch):
  monkeypatch.setattr(growth, "SECONDS", 0.5)
  content = json.loads((tiny_wordpiece / "tokenizer.json").read_text("utf-8"))
  rule = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 100}
  content["normalizer"] = {"type": "Sequence", "normalizers": [rule] * 4}
  (tmp_path / "tokenizer.json").write_text(json.dumps(content), "utf-8")
  with pytest.raises(InputError, match="does not end in 0.5 seconds"):
    ours.Tokenizer(tmp_path / "tokenizer.json")
