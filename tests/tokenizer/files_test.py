"""Backends from vocab.txt and sentencepiece.bpe.model are transformers' own, down to each flag."""

import json
import shutil

import pytest
import sentencepiece
from sentencepiece import sentencepiece_model_pb2

from labse_jax.base.errors import InputError
from labse_jax.tokenizer.files import tokenizer_file
from labse_jax.tokenizer.tokenizer import Tokenizer
from tests.support.needs import need_torch

CASED = {"tokenizer_class": "BertTokenizer", "do_lower_case": False}
MASK = {
  "content": "[MASK]",
  "lstrip": True,
  "rstrip": False,
  "normalized": True,
  "single_word": False,
}
NEW = {
  "content": "<new>",
  "lstrip": False,
  "rstrip": True,
  "normalized": True,
  "single_word": False,
  "special": False,
}
PIECES = [
  "[PAD]",
  "[UNK]",
  "[CLS]",
  "[SEP]",
  "[MASK]",
  "hello",
  "Hello",
  "h\u00e9llo",
  "H\u00e9llo",
  "##s",
  "\u5317",
  "\u4eac",
  "\u5317\u4eac",
]
BERT_FOLDERS = {  # Names: the files beside a BERT's vocab.txt.
  "nothing": {},
  "class": {"config": {"model_type": "bert", "tokenizer_class": "BertTokenizerFast"}},
  "distilbert": {"config": {"model_type": "distilbert"}, "tokenizer_config": {}},
  "cased": {"tokenizer_config": CASED},
  "accents": {"tokenizer_config": CASED | {"strip_accents": True}},
  "no CJK": {"tokenizer_config": CASED | {"tokenize_chinese_chars": False}},
  "names": {"tokenizer_config": {"cls_token": "[SEP]", "additional_special_tokens": ["<q>"]}},
  "flags": {"special_tokens_map": {"mask_token": MASK, "unk_token": "[UNK]"}},
  "added": {"added_tokens": {"<new>": 1000, "<2>": 1001}, "tokenizer_config": CASED},
  "special": {
    "added_tokens": {"<q>": 1000},
    "tokenizer_config": {"additional_special_tokens": ["<q>"]},
  },
  "mapped": {
    "added_tokens": {"<q>": 1000},
    "special_tokens_map": {"additional_special_tokens": ["<q>"]},
  },
  "decoder": {
    "tokenizer_config": {"added_tokens_decoder": {"1000": NEW, "4": MASK}, "mask_token": "[MASK]"}
  },
}


def write(folder, **contents):
  for name, content in ({"config": {"model_type": "bert"}} | contents).items():
    (folder / f"{name}.json").write_text(json.dumps(content))


def check_same_as_transformers(folder):
  need_torch()
  from transformers import AutoTokenizer

  theirs = AutoTokenizer.from_pretrained(folder).backend_tokenizer.to_str()
  assert json.loads(Tokenizer(tokenizer_file(folder)).content) == json.loads(theirs)


@pytest.mark.parametrize("kind", BERT_FOLDERS)
def test_vocabulary_as_bert_reads_it(tmp_path, tiny_wordpiece, kind):
  shutil.copy(tiny_wordpiece / "vocab.txt", tmp_path)
  write(tmp_path, **BERT_FOLDERS[kind])
  check_same_as_transformers(tmp_path)


@pytest.mark.parametrize(
  "settings",
  [
    {"config": {"model_type": "mpnet"}},
    {"tokenizer_config": CASED | {"tokenizer_class": "MPNetTokenizer"}},
  ],
)
def test_vocabulary_as_mpnet_reads_it(tmp_path, tiny_wordpiece, settings):
  pieces = (tiny_wordpiece / "vocab.txt").read_text("utf-8")
  (tmp_path / "vocab.txt").write_text(f"<s>\n<pad>\n</s>\n<unk>\n{pieces}<mask>\n", "utf-8")
  write(tmp_path, **settings)
  check_same_as_transformers(tmp_path)
  tokenizer = Tokenizer(tmp_path / "vocab.txt")
  (ids,), _ = tokenizer.encode(["the page"], 9)
  assert ids[0] == 0 and ids[-1] == 2 and tokenizer.special_ids["mask"] == 1004


@pytest.mark.parametrize(
  "settings", [{}, {"special_tokens_map": {"mask_token": MASK | {"content": "<mask>"}}}]
)
def test_sentencepiece_as_xlmr_reads_it(tmp_path, xlmr_vocabulary, settings):
  shutil.copytree(xlmr_vocabulary, tmp_path, dirs_exist_ok=True)
  write(tmp_path, config={"model_type": "xlm-roberta"}, **settings)
  check_same_as_transformers(tmp_path)


@pytest.mark.parametrize(
  "options",
  [
    {"normalization_rule_name": "identity"},
    {"user_defined_symbols": ["<foo>", "bar"], "control_symbols": ["<ctl>"]},
  ],
)
def test_other_sentencepiece_models(tmp_path, real_lines, options):
  sentencepiece.SentencePieceTrainer.train(
    sentence_iterator=iter(real_lines),
    model_prefix=str(tmp_path / "sentencepiece.bpe"),
    vocab_size=900,
    character_coverage=0.98,
    minloglevel=2,
    **options,
  )
  write(tmp_path, config={"model_type": "xlm-roberta"})
  check_same_as_transformers(tmp_path)


def test_sentencepiece_s_own_ids_one_later(xlmr_vocabulary, real_lines):
  path = xlmr_vocabulary / "sentencepiece.bpe.model"
  tokenizer, processor = Tokenizer(path), sentencepiece.SentencePieceProcessor(str(path))
  assert len(tokenizer) == len(processor) + 2 and tokenizer.special_ids == {
    "pad": 1,
    "unk": 3,
    "cls": 0,
    "sep": 2,
    "mask": len(processor) + 1,
  }
  for got, expected in zip(
    tokenizer.encode(real_lines, 4096)[0], processor.encode(real_lines), strict=True
  ):
    assert got.tolist() == [0, *(number + 1 if number else 3 for number in expected), 2]


@pytest.mark.parametrize(
  "settings, pieces",
  [
    ({}, ["hello", "##s", "hello", "\u5317", "\u4eac"]),
    ({"do_lower_case": False}, ["Hello", "##s", "H\u00e9llo", "\u5317", "\u4eac"]),
    ({"strip_accents": False}, ["hello", "##s", "h\u00e9llo", "\u5317", "\u4eac"]),
    (
      {"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False},
      ["Hello", "##s", "Hello", "\u5317\u4eac"],
    ),
  ],
)
def test_case_accents_and_cjk(tmp_path, settings, pieces):
  (tmp_path / "vocab.txt").write_text("\n".join(PIECES) + "\n", "utf-8")
  write(tmp_path, tokenizer_config=settings)
  (ids,), _ = Tokenizer(tmp_path / "vocab.txt").encode(["Hellos H\u00e9llo \u5317\u4eac"], 99)
  assert [PIECES[i] for i in ids] == ["[CLS]", *pieces, "[SEP]"]


def test_the_file_that_a_folder_s_tokenizer_is_read_from(tmp_path):
  with pytest.raises(InputError, match="tokenizer.json, vocab.txt, sentencepiece.bpe.model is nee"):
    tokenizer_file(tmp_path)
  for name in ("sentencepiece.bpe.model", "vocab.txt", "tokenizer.json"):  # The later, the truer.
    (tmp_path / name).touch()
    assert tokenizer_file(tmp_path) == tmp_path / name


@pytest.mark.parametrize(
  "text, said",
  [
    (b"", "vocab.txt: is empty"),
    (b"[PAD]\n[CLS]\n[SEP]\na\n", r"vocab.txt: has no \[UNK\]"),
    (b"[PAD]\n[UNK]\n[SEP]\na\n", r"vocab.txt: has no \[CLS\]"),
    (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\na\n", "vocab.txt:7: 'a' is already on line 5"),
    (b"[UNK]\n \n[CLS]\n[SEP]\n", "vocab.txt:2: an empty line"),
    (b"[UNK]\n[CLS]\n[SEP]\n\xff\n", "vocab.txt:4: not UTF-8"),
  ],
)
def test_a_damaged_vocabulary_is_said_in_one_line(tmp_path, text, said):
  (tmp_path / "vocab.txt").write_bytes(text)
  with pytest.raises(InputError, match=said):
    Tokenizer(tmp_path / "vocab.txt")


def test_an_added_token_that_cannot_have_its_id(tmp_path):
  (tmp_path / "vocab.txt").write_text("\n".join(PIECES) + "\n", "utf-8")
  write(tmp_path, added_tokens={"<new>": 99})
  with pytest.raises(InputError, match="'<new>' is to have the id 99; behind its vocabulary .* 13"):
    Tokenizer(tmp_path / "vocab.txt")


def cut(raw):
  return raw[: len(raw) // 2]


def as_bpe(raw):
  proto = sentencepiece_model_pb2.ModelProto.FromString(raw)
  proto.trainer_spec.model_type = sentencepiece_model_pb2.TrainerSpec.BPE
  return proto.SerializeToString()


def in_another_order(raw):
  proto = sentencepiece_model_pb2.ModelProto.FromString(raw)
  proto.pieces[0].piece = "<pad>"
  return proto.SerializeToString()


def with_damaged_rules(raw):
  proto = sentencepiece_model_pb2.ModelProto.FromString(raw)
  proto.normalizer_spec.precompiled_charsmap = b"xx"
  return proto.SerializeToString()


@pytest.mark.parametrize(
  "damage, said",
  [
    (cut, "not a sentencepiece model, or cut short"),
    (lambda raw: b"version https://git-lfs.github.com/spec/v1\n", "not a sentencepiece model"),
    (lambda raw: b"", "its first pieces are \\[\\]"),
    (in_another_order, "its first pieces are .*<pad>.*are needed"),
    (as_bpe, "a Unigram model without byte pieces"),
    (with_damaged_rules, "its normalisation is damaged"),
  ],
)
def test_a_damaged_sentencepiece_model_is_said_in_one_line(tmp_path, xlmr_vocabulary, damage, said):
  raw = (xlmr_vocabulary / "sentencepiece.bpe.model").read_bytes()
  (tmp_path / "sentencepiece.bpe.model").write_bytes(damage(raw))
  with pytest.raises(InputError, match=f"sentencepiece.bpe.model: {said}"):
    Tokenizer(tmp_path / "sentencepiece.bpe.model")
