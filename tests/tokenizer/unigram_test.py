"""The vocabulary: its reserved ids, exact scores, and that two libraries read it as one."""

import json

import numpy as np
import pytest
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer

from labse_jax.base.errors import InputError
from labse_jax.tokenizer import unigram
from tests.support.odd_text import fuzzed


def test_reserved_ids_and_what_transformers_needs(tiny_vocabulary):
  tokenizer = Tokenizer.from_file(str(tiny_vocabulary / "tokenizer.json"))
  assert tokenizer.get_vocab_size() == 1000
  assert [tokenizer.id_to_token(i) for i in range(5)] == [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
  ]
  assert tokenizer.encode("\U0001f9ff").ids[-2:] == [1, 3]  # What is not in it is unk.
  assert tokenizer.encode("a", "b").ids.count(3) == 2
  settings = json.loads((tiny_vocabulary / "tokenizer_config.json").read_text())
  assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"
  names = ("pad", "unk", "cls", "sep", "mask", "bos", "eos")
  assert [settings[f"{name}_token"] for name in names] == [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "[CLS]",
    "[SEP]",
  ]


def test_both_libraries_give_the_same_ids_on_every_line(tiny_vocabulary, real_lines):
  assert unigram.disagreements(tiny_vocabulary, real_lines) == []
  assert unigram.disagreements(tiny_vocabulary, list(fuzzed(3000))) == []


def test_disagreements_are_found(tiny_vocabulary):
  assert unigram.disagreements(tiny_vocabulary, ["a [SEP] b", "a b"]) == ["a [SEP] b"]


def test_ties_are_broken_alike(tmp_path, tiny_vocabulary, real_lines):
  # "ⴰⴰⴰ" is "ⴰ", "ⴰⴰ" or "ⴰⴰ", "ⴰ"; the real words before it leave a sum that float32 rounds.
  proto = sentencepiece_model_pb2.ModelProto.FromString(
    (tiny_vocabulary / "sentencepiece.model").read_bytes()
  )
  rng = np.random.default_rng(0)
  for piece in proto.pieces[5:]:
    piece.score += rng.normal() / 1000  # As training leaves them.
  for piece, text, score in ((-1, "ⴰ", -4.1234567), (-2, "ⴰⴰ", -5.7654321)):
    proto.pieces[piece].piece, proto.pieces[piece].score = text, score
  lines = [f"{line} ⴰⴰⴰ ⴰⴰⴰⴰⴰ" for line in real_lines]
  unigram.export(proto.SerializeToString(), tmp_path)
  assert unigram.disagreements(tmp_path, lines), "these lines show nothing"
  unigram.export(unigram.with_exact_scores(proto.SerializeToString()), tmp_path)
  assert unigram.disagreements(tmp_path, lines) == []


def test_sums_of_scores_are_exact_in_float32(tiny_vocabulary):
  proto = sentencepiece_model_pb2.ModelProto.FromString(
    (tiny_vocabulary / "sentencepiece.model").read_bytes()
  )
  scores = np.array([piece.score for piece in proto.pieces])
  assert len(np.unique(scores)) > 100
  order = np.random.default_rng(0).integers(0, len(scores), 4000)
  assert np.cumsum(scores[order], dtype=np.float32)[-1] == np.sum(scores[order], dtype=np.float64)


def test_normalise_is_nfkc_and_folds_white_space():
  assert unigram.normalise(" ﬁ\u3000①\t\n x\u2581y ") == "fi 1 x y"
  assert unigram.normalise("") == unigram.normalise(" \u2028") == ""


def test_training_is_deterministic(real_lines):
  assert unigram.train_unigram(real_lines, 800) == unigram.train_unigram(real_lines, 800)


@pytest.mark.parametrize(
  ("sentences", "size", "reason"),
  [
    (["hello world"] * 50, 5_000, "Vocabulary size too high"),
    (["hello world, how are you"] * 50, 9, "smaller than required_chars"),
    ([], 100, "no text"),
  ],
)
def test_a_size_that_cannot_be_is_one_line(sentences, size, reason):
  with pytest.raises(InputError, match=reason) as caught:
    unigram.train_unigram(sentences, size)
  assert "\n" not in str(caught.value) and ".cc" not in str(caught.value)


def test_long_lines_are_learned_from_too(capsys):
  rng = np.random.default_rng(0)
  thai = ["บ้าน", "คน", "เล็ก", "แม่น้ำ", "หนังสือ"]
  rows = []
  for _ in range(10):
    rows.append(" ".join(rng.choice(["the", "house", "river", "book"], 60)))
    rows.append(" ".join(rng.choice(thai, 290)))
  assert min(len(row.encode()) for row in rows[1::2]) > unigram.MOST_BYTES
  model = sentencepiece_model_pb2.ModelProto.FromString(unigram.train_unigram(rows, 42))
  pieces = {piece.piece for piece in model.pieces}
  assert pieces >= {f"▁{unigram.normalise(word)}" for word in thai}
  assert "10 lines are longer than 2,048 bytes and were split" in capsys.readouterr().err


def test_short_lines_are_not_split(real_lines, capsys):
  short = [line for line in real_lines if len(line.encode()) <= 300]
  assert list(unigram.split_long(short, 300)) == short
  assert list(unigram.split_long(["é" * 150], 300)) == ["é" * 150]
  assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
  ("line", "joint", "count"),
  [
    ("word " * 100, " ", 10),  # At spaces, of which one falls away.
    ("x" * 125, "", 3),
    ("é" * 60, "", 3),  # Between characters,
    ("น้ำ" * 20, "", 4),  # and not before a mark.
    ("x" * 50 + " y", " ", 2),
    ("\u0301" * 30, "", 2),
    ("", "", 1),
  ],
)
def test_where_a_long_line_is_cut(line, joint, count):
  parts = list(unigram.split_long([line], 50))
  assert joint.join(parts) == line and len(parts) == count
  assert max(len(part.encode()) for part in parts) <= 50
  if "น" in line:
    assert all(part.startswith(("น", "ำ")) for part in parts)
