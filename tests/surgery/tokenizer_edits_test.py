"""A cut or grown tokenizer.json: the library reads it, and every id is where it should be."""

import json
import re

import numpy as np
import pytest
from tokenizers import Tokenizer as Backend
from tokenizers import models

from labse_jax.base.errors import InputError
from labse_jax.surgery import tokenizer_edits
from labse_jax.tokenizer.tokenizer import Tokenizer

BERT = {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
ROBERTA = BERT | {"type": "RobertaProcessing", "trim_offsets": True, "add_prefix_space": False}
SEQUENCE = {
  "type": "Sequence",
  "processors": [
    {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    BERT,
  ],
}


@pytest.fixture(params=["tiny_vocabulary", "tiny_wordpiece"])
def tokenizer(request):
  return Tokenizer(request.getfixturevalue(request.param) / "tokenizer.json")


@pytest.fixture
def reopened(tmp_path):
  """reopened(content) -> the Tokenizer of it."""

  def save(content):
    tokenizer_edits.save(content, tmp_path / "tokenizer.json")
    return Tokenizer(tmp_path / "tokenizer.json")

  return save


def kept_of(tokenizer, lines):
  """The least that lines need, shuffled a little: some pieces that they do not use stay too."""
  ids = {5, 77, 999} | tokenizer_edits.needed(tokenizer_edits.load(tokenizer))
  return np.array(sorted(ids.union(*(line.tolist() for line in tokenizer.encode_whole(lines)))))


def test_what_is_kept_maps_one_to_one(tokenizer, reopened, real_lines):
  lines = [line for line in real_lines if "[" not in line][:60]
  kept = kept_of(tokenizer, lines)
  cut = reopened(tokenizer_edits.cut(tokenizer_edits.load(tokenizer), kept))
  assert len(cut) == len(kept) < 700
  old, new = tokenizer.backend.get_vocab(), cut.backend.get_vocab()
  assert {piece: int(kept[i]) for piece, i in new.items()} == {
    piece: i for piece, i in old.items() if i in kept
  }
  assert cut.special_ids == tokenizer.special_ids  # They were the first, and still are.
  texts = [*lines, f"{lines[0]} [SEP] {lines[1]}[MASK]"]
  for ids, expected in zip(cut.encode_whole(texts), tokenizer.encode_whole(texts), strict=True):
    assert kept[ids].tolist() == expected.tolist()


@pytest.mark.parametrize("processor", ["its own", BERT, ROBERTA, SEQUENCE, None])
def test_every_post_processor_gets_the_new_ids(tokenizer, reopened, processor):
  content = tokenizer_edits.load(tokenizer)
  moved = [0, 6, 20, 30, 40]  # Where the special tokens stand instead of 0 to 4.
  swap = dict(zip([*range(5), *moved], [*moved, *range(5)], strict=True))
  content["added_tokens"] = [t | {"id": swap[t["id"]]} for t in content["added_tokens"]]
  vocab = content["model"]["vocab"]
  if isinstance(vocab, dict):
    content["model"]["vocab"] = {piece: swap.get(i, i) for piece, i in vocab.items()}
  else:
    content["model"]["vocab"] = [vocab[swap.get(i, i)] for i in range(len(vocab))]
    content["model"]["unk_id"] = swap[1]
  text = json.dumps(content["post_processor"] if processor == "its own" else processor)
  for end in ("2]", "3]"):  # "[CLS]", 2] or "ids": [2]
    text = re.sub(rf'(", |\[){end}', rf"\g<1>{end[0]}0]", text)
  content["post_processor"] = json.loads(text)
  before = reopened(content)
  expected = before.encode_whole(["a \U0001f9ff"])[0]
  assert (expected[0] == 20) == (processor is not None) and 6 in expected
  kept = np.array(sorted(tokenizer_edits.needed(content) | set(expected.tolist())))
  after = reopened(tokenizer_edits.cut(content, kept))
  assert list(after.special_ids.values()) == kept.searchsorted([0, 6, 20, 30, 40]).tolist()
  assert kept[after.encode_whole(["a \U0001f9ff"])[0]].tolist() == expected.tolist()


def test_ids_that_only_the_post_processor_names_are_needed(tokenizer):
  content = tokenizer_edits.load(tokenizer)
  content["added_tokens"] = []
  assert {1, 2, 3} <= tokenizer_edits.needed(content)


def test_the_lowest_score_is_kept_and_with_it_the_cost_of_the_unknown(tiny_vocabulary, reopened):
  content = tokenizer_edits.load(Tokenizer(tiny_vocabulary / "tokenizer.json"))
  scores = [score for _, score in content["model"]["vocab"]]
  assert min(tokenizer_edits.needed(content), key=scores.__getitem__) == int(np.argmin(scores))
  # "xy" costs 40, "x" and an unknown "y" 4 and what an unknown costs: 10 more than the lowest.
  content["model"]["vocab"][5:] = [["▁x", -4.0], ["▁xy", -40.0], ["z", -50.0]]
  content["normalizer"] = None
  for kept, pieces in (([5, 6, 7], ["▁xy"]), ([5, 6], ["▁xy"]), ([5, 7], ["▁x", "y"])):
    cut = reopened(tokenizer_edits.cut(content, np.array([*range(5), *kept])))
    assert cut.backend.encode("xy", add_special_tokens=False).tokens == pieces
  content["model"]["vocab"][6][1] = -57.0
  assert tokenizer_edits.needed(content) == {*range(5), 6}


def test_what_was_padded_and_cut_is_no_more(tokenizer, tmp_path):
  tokenizer.backend.enable_padding(length=50)
  tokenizer.backend.enable_truncation(4)
  tokenizer.backend.save(str(tmp_path / "t.json"))
  content = tokenizer_edits.load(Tokenizer(tmp_path / "t.json"))
  assert content["padding"] is None and content["truncation"] is None


def test_spelling_is_the_characters_alone(tiny_vocabulary, tiny_wordpiece):
  expected = {tiny_vocabulary: {"a", "e", "▁"}, tiny_wordpiece: {"a", "##a", "e", "##e"}}
  for folder, pieces in expected.items():
    content = tokenizer_edits.load(Tokenizer(folder / "tokenizer.json"))
    ids = tokenizer_edits.ids_of(content)
    assert tokenizer_edits.spelling(content, {"a", "e", "☃"}) == {ids[piece] for piece in pieces}


def test_other_kinds_are_refused(tmp_path, tokenizer):
  tokenizer.backend.model = models.BPE({"a": 0}, [])
  tokenizer.backend.save(str(tmp_path / "t.json"))
  with pytest.raises(InputError, match="t.json: its model is BPE; WordPiece or Unigram is needed"):
    tokenizer_edits.load(Tokenizer(tmp_path / "t.json"))


def test_what_older_files_leave_out_is_put_in(tmp_path, tokenizer, reopened):
  content = json.loads(tokenizer.path.read_text("utf-8"))
  older = content | {"model": {k: v for k, v in content["model"].items() if k != "type"}}
  for name in ("added_tokens", "post_processor"):
    del older[name]
  (tmp_path / "older.json").write_text(json.dumps(older), "utf-8")
  loaded = tokenizer_edits.load(Tokenizer(tmp_path / "older.json"))
  assert loaded["model"] == content["model"] and loaded["added_tokens"] == []
  kept = np.array(sorted({*range(100), *tokenizer_edits.needed(loaded)}))
  assert len(reopened(tokenizer_edits.cut(loaded, kept))) == len(kept)


def test_special_tokens_without_a_piece_are_refused(tmp_path, tokenizer):
  content = json.loads(tokenizer.path.read_text("utf-8"))
  content["post_processor"] = BERT | {"sep": ["[SEP]", 1000]}
  (tmp_path / "t.json").write_text(json.dumps(content), "utf-8")
  with pytest.raises(InputError, match="t.json: its special tokens have ids that are not in"):
    tokenizer_edits.load(Tokenizer(tmp_path / "t.json"))


def test_without_a_piece_for_the_unknown_it_is_refused(tmp_path, tokenizer):
  content = json.loads(tokenizer.path.read_text("utf-8"))
  content["model"] |= {"unk_id": None} if "unk_id" in content["model"] else {"unk_token": "?!"}
  (tmp_path / "t.json").write_text(json.dumps(content))
  with pytest.raises(InputError, match="t.json: has no piece for what it does not know"):
    tokenizer_edits.load(Tokenizer(tmp_path / "t.json"))


def test_appended_pieces_come_last_and_are_used(tokenizer, reopened, real_lines):
  content = tokenizer_edits.load(tokenizer)
  space = "" if content["model"]["type"] == "WordPiece" else "▁"
  grown = reopened(tokenizer_edits.append(content, [f"{space}ⴰⴱ", f"{space}ⴰ"], [-9.0, -8.0]))
  assert grown.encode_whole(["ⴰⴱ ⴰ"])[0].tolist() == [2, 1000, 1001, 3]
  before, after = tokenizer.encode_whole(real_lines), grown.encode_whole(real_lines)
  assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("change", ["gap", "added"])
def test_nothing_is_appended_where_its_id_is_taken(tiny_wordpiece, change):
  content = tokenizer_edits.load(Tokenizer(tiny_wordpiece / "tokenizer.json"))
  if change == "gap":
    content["model"]["vocab"]["a"] = 1000
  else:
    content["added_tokens"].append(content["added_tokens"][0] | {"id": 1000, "content": "foo"})
  with pytest.raises(InputError, match="1,000 pieces do not have the ids 0 to 999, or tokens"):
    tokenizer_edits.append(content, ["ⴰ"], [0.0])


def test_longest_match_is_the_librarys(tiny_wordpiece, real_lines):
  content = tokenizer_edits.load(Tokenizer(tiny_wordpiece / "tokenizer.json"))
  model = Tokenizer(tiny_wordpiece / "tokenizer.json").backend.model
  words = sorted({word for line in real_lines for word in line.split()})
  for word in [*words, "☃", "ab☃"]:
    pieces, whole = tokenizer_edits.longest_match(content, word)
    expected = [token.value for token in model.tokenize(word)]
    assert (pieces if whole else ["[UNK]"]) == expected
  assert tokenizer_edits.longest_match(content, "ab☃")[0] != []
  assert tokenizer_edits.longest_match(content, "aa", inside=True) == (["##a", "##a"], True)


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_side_where_texts_are_cut_is_kept(tmp_path, tiny_wordpiece, side):
  backend = Backend.from_file(str(tiny_wordpiece / "tokenizer.json"))
  backend.enable_truncation(20, direction=side)
  backend.save(str(tmp_path / "tokenizer.json"))
  content = tokenizer_edits.load(Tokenizer(tmp_path / "tokenizer.json"))
  (tmp_path / "new").mkdir()
  tokenizer_edits.save(content, tmp_path / "new" / "tokenizer.json")
  assert Tokenizer(tmp_path / "new" / "tokenizer.json").truncation_side == side
  assert (content["truncation"] is None) == (side == "right")
