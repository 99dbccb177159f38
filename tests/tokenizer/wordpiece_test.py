"""WordPieces: BERT's own tokenizer reads them alike, and training gives the same ones again."""

from collections import Counter
import json
import subprocess
import sys

import pytest
from tokenizers import Tokenizer

from labse_jax.base.errors import InputError
from labse_jax.tokenizer import wordpiece
from tests.support.needs import need_torch


@pytest.fixture(scope="module")
def tokenizer(tiny_wordpiece):
  return Tokenizer.from_file(str(tiny_wordpiece / "tokenizer.json"))


def test_transformers_gives_the_same_ids_from_vocab_txt(tiny_wordpiece, tokenizer, many_scripts):
  need_torch()
  from transformers import BertTokenizerFast

  bert = BertTokenizerFast(
    str(tiny_wordpiece / "vocab.txt"), do_lower_case=False, strip_accents=False
  )
  assert len(many_scripts) == 1000
  theirs = bert(many_scripts)["input_ids"]
  assert [e.ids for e in tokenizer.encode_batch(many_scripts)] == theirs
  known = sum(i != 1 for ids in theirs for i in ids)
  assert known > 5 * len(many_scripts), "these lines show nothing"


def test_transformers_gives_the_same_ids_and_types_for_pairs(tiny_wordpiece, tokenizer, real_lines):
  need_torch()
  from transformers import BertTokenizerFast

  bert = BertTokenizerFast(
    str(tiny_wordpiece / "vocab.txt"), do_lower_case=False, strip_accents=False
  )
  pairs = list(zip(real_lines[:99], real_lines[1:100], strict=True))
  got, expected = tokenizer.encode_batch(pairs), bert(*map(list, zip(*pairs, strict=True)))
  assert [e.ids for e in got] == expected["input_ids"]
  assert [e.type_ids for e in got] == expected["token_type_ids"]


def test_the_folder_says_what_transformers_needs(tiny_wordpiece, tokenizer, real_lines):
  need_torch()
  from transformers import AutoTokenizer

  theirs = AutoTokenizer.from_pretrained(tiny_wordpiece)
  expected = [encoding.ids for encoding in tokenizer.encode_batch(real_lines[:300])]
  assert theirs(real_lines[:300])["input_ids"] == expected
  assert (theirs.pad_token_id, theirs.unk_token_id, theirs.mask_token_id) == (0, 1, 4)


def test_ids_and_case(tiny_wordpiece, tokenizer):
  pieces = (tiny_wordpiece / "vocab.txt").read_text("utf-8").split("\n")
  assert pieces.pop() == ""
  assert pieces == [tokenizer.id_to_token(i) for i in range(1000)]
  assert tokenizer.get_vocab_size() == len(set(pieces)) == 1000
  assert pieces[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
  assert tokenizer.encode("a [MASK] \U0001f9ff").ids[2:] == [4, 1, 3]

  def encode(text):
    return tokenizer.encode(text).ids

  assert encode("ten") != encode("Ten") and encode("e") != encode("é")
  assert 1 not in encode("Ten é") and tokenizer.decode(encode("Ten minutes é")) == "Ten minutes é"
  settings = json.loads((tiny_wordpiece / "tokenizer_config.json").read_text())
  assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"
  names = ("pad", "unk", "cls", "sep", "mask", "bos", "eos")
  assert [pieces.index(settings[f"{name}_token"]) for name in names] == [0, 1, 2, 3, 4, 2, 3]


def test_training_is_the_same_in_any_order_and_process(tmp_path, real_lines):
  lines = [" ".join(line.split()) for line in real_lines]
  expected = wordpiece.train(lines, 900)
  assert wordpiece.train(lines[::-1], 900) == expected
  (tmp_path / "lines").write_text("\n".join(lines), "utf-8")
  code = (
    "import pathlib, sys\n"
    "from labse_jax.tokenizer import wordpiece\n"
    f"lines = pathlib.Path({str(tmp_path / 'lines')!r}).read_text('utf-8').split('\\n')\n"
    "sys.stdout.buffer.write('\\n'.join(wordpiece.train(lines, 900)).encode())"
  )
  for _ in range(2):
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
    assert found.decode().split("\n") == expected


def test_merges_are_the_most_frequent_pairs():
  # By hand: a+##b (9 times), then ab+##c (5), then x+##y (3).
  lines = ["abc"] * 5 + ["ab"] * 4 + ["xy"] * 3
  characters = ["a", "b", "c", "x", "y", "##b", "##c", "##y"]
  assert wordpiece.train(lines, 16)[5:] == [*characters, "ab", "abc", "xy"]


def test_the_alphabet_covers_what_it_must():
  words = Counter({"ab": 4998, "a": 2, "é": 1, "ü": 1})  # "ab" alone is 0.9996 of the characters.
  assert wordpiece._alphabet(words) == {"a", "b"}
  assert wordpiece._alphabet(words + Counter({"é": 40, "ü": 40})) == {"a", "b", "é", "ü"}
  # A word with what is left out is not trained on, and is unknown.
  pieces = wordpiece.train(["ab"] * 5000 + ["aéb"] * 2, 9)
  assert pieces[5:] == ["a", "b", "##b", "ab"]


@pytest.mark.parametrize(
  ("lines", "size", "reason"),
  [
    (["hello world, how are you"] * 50, 20, "characters of its text alone need 23"),
    (["hello world"] * 50, 500, "gives only 2"),
    (["hello", "world"], 500, "gives only 17"),  # Nothing occurs twice.
    ([], 100, "no text"),
    (["", " \t"], 100, "no text"),
  ],
)
def test_a_size_that_cannot_be_is_one_line(lines, size, reason):
  with pytest.raises(InputError, match=reason) as caught:
    wordpiece.train(lines, size)
  assert "\n" not in str(caught.value)
