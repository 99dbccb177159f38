"""Ids are those of the folder's tokenizer; what is too long is cut and counted."""

import json
import shutil

import numpy as np
import pytest
from tokenizers import Tokenizer as Backend
from tokenizers import processors

from labse_jax.base.errors import InputError
from labse_jax.tokenizer.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def tokenizer(tiny_vocabulary):
  return Tokenizer(tiny_vocabulary / "tokenizer.json")


def test_ids_are_the_file_s_own(tokenizer, tiny_vocabulary, real_lines):
  backend = Backend.from_file(str(tiny_vocabulary / "tokenizer.json"))
  ids, cut = tokenizer.encode(real_lines[:200], 512)
  assert cut == 0 and ids[0].dtype == np.int32
  for got, line in zip(ids, real_lines[:200], strict=True):
    assert got.tolist() == backend.encode(line).ids
    assert got[0] == 2 and got[-1] == 3


@pytest.mark.parametrize("length", [3, 5, 8])
def test_long_sentences_are_cut_between_the_special_tokens(tokenizer, real_lines, length):
  whole, _ = tokenizer.encode(real_lines[:300], 512)
  ids, cut = tokenizer.encode(real_lines[:300], length)
  assert cut == sum(len(w) > length for w in whole) > 0
  for got, w in zip(ids, whole, strict=True):
    assert got.tolist() == (w.tolist() if len(w) <= length else [*w[: length - 1].tolist(), 3])
  # And a longer limit again afterwards.
  again, cut = tokenizer.encode(real_lines[:300], 512)
  assert cut == 0 and all((a == w).all() for a, w in zip(again, whole, strict=True))


def test_exactly_as_long_is_not_cut(tokenizer, real_lines):
  (ids,), _ = tokenizer.encode(real_lines[:1], 512)
  assert tokenizer.encode(real_lines[:1], len(ids))[1] == 0
  assert tokenizer.encode(real_lines[:1], len(ids) - 1)[1] == 1


def test_whole_texts_are_not_cut_by_a_limit_that_stands(tokenizer, real_lines):
  whole, _ = tokenizer.encode(real_lines[:300], 512)
  tokenizer.encode(real_lines[:300], 5)
  again = tokenizer.encode_whole(real_lines[:300])
  assert [ids.tolist() for ids in again] == [ids.tolist() for ids in whole]
  assert json.loads(tokenizer.content) == json.loads(tokenizer.path.read_text("utf-8"))


def test_an_empty_line_is_two_tokens(tokenizer):
  ids, cut = tokenizer.encode(["", " \t "], 8)
  assert [i.tolist() for i in ids] == [[2, 3], [2, 3]] and cut == 0


def test_padding_and_truncation_saved_in_the_file_do_not_matter(tmp_path, tiny_vocabulary):
  backend = Backend.from_file(str(tiny_vocabulary / "tokenizer.json"))
  backend.enable_padding(length=50)
  backend.enable_truncation(4)
  backend.save(str(tmp_path / "tokenizer.json"))
  (ids,), cut = Tokenizer(tmp_path / "tokenizer.json").encode(["one two three four five"], 40)
  assert 4 < len(ids) < 40 and cut == 0


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"model": {"type": "Nothing"}}'])
def test_what_is_no_tokenizer_is_said_in_one_line(tmp_path, text):
  if text is not None:
    (tmp_path / "tokenizer.json").write_text(text)
  with pytest.raises(InputError, match="tokenizer.json: (no such file|not a tokenizer)"):
    Tokenizer(tmp_path / "tokenizer.json")


@pytest.fixture(params=["tiny_vocabulary", "tiny_wordpiece"])
def either(request):
  return Tokenizer(request.getfixturevalue(request.param) / "tokenizer.json")


def changed(tmp_path, folder, change):
  """A Tokenizer of that folder's tokenizer.json after `change(content)`."""
  content = json.loads((folder / "tokenizer.json").read_text("utf-8"))
  change(content)
  (tmp_path / "tokenizer.json").write_text(json.dumps(content), "utf-8")
  return Tokenizer(tmp_path / "tokenizer.json")


def test_special_ids_of_both_kinds(either, real_lines):
  assert either.special_ids == {"pad": 0, "unk": 1, "cls": 2, "sep": 3, "mask": 4}
  assert either.all_special.tolist() == [0, 1, 2, 3, 4]
  assert either.all_special.dtype == np.int32 and len(either) == 1000
  (ids,), _ = either.encode(real_lines[:1], 64)
  assert either.special_ids["cls"] == ids[0] and either.special_ids["sep"] == ids[-1]


@pytest.fixture(params=["tokenizer.json", "vocab.txt", "sentencepiece.bpe.model"])
def of_each_file(request, tmp_path, tiny_vocabulary, tiny_wordpiece, xlmr_vocabulary):
  """A Tokenizer of each file that may hold one."""
  folder = {"tokenizer.json": tiny_vocabulary, "vocab.txt": tiny_wordpiece}
  source = folder.get(request.param, xlmr_vocabulary) / request.param
  return Tokenizer(shutil.copy(source, tmp_path))


def test_what_is_written_gives_the_same_ids(of_each_file, tmp_path, real_lines):
  of_each_file.encode(real_lines[:10], 5)  # A limit is no part of what is written.
  path = tmp_path / "written" / "tokenizer.json"
  path.parent.mkdir()
  of_each_file.write(path)
  if of_each_file.path.name == "tokenizer.json":
    assert path.read_bytes() == of_each_file.path.read_bytes()
  written = Tokenizer(path)
  assert written.special_ids == of_each_file.special_ids
  assert written.all_special.tolist() == of_each_file.all_special.tolist()
  assert (written.word_starts == of_each_file.word_starts).all()
  for got, ids in zip(
    written.encode_whole(real_lines), of_each_file.encode_whole(real_lines), strict=True
  ):
    assert got.tolist() == ids.tolist()


def test_word_starts_of_each_file(of_each_file, real_lines):
  starts, special = of_each_file.word_starts, of_each_file.all_special
  assert len(starts) == len(of_each_file) and starts[special].all()
  letters = [line for line in real_lines if line.isascii() and line.replace(" ", "").isalpha()]
  for ids, line in zip(of_each_file.encode_whole(letters), letters, strict=True):
    assert starts[ids[1:-1]].sum() == len(line.split())


def test_special_ids_are_those_in_use_where_the_vocabulary_has_both_spellings(
  tmp_path, tiny_wordpiece
):
  pieces = (tiny_wordpiece / "vocab.txt").read_text("utf-8")  # Has [CLS] and the others too.
  (tmp_path / "vocab.txt").write_text(f"<s>\n<pad>\n</s>\n{pieces}<mask>\n", "utf-8")
  (tmp_path / "config.json").write_text('{"model_type": "mpnet"}')
  tokenizer = Tokenizer(tmp_path / "vocab.txt")
  assert tokenizer.special_ids == {"pad": 1, "unk": 4, "cls": 0, "sep": 2, "mask": 1003}


def test_special_ids_as_xlmr_spells_them(tmp_path, tiny_vocabulary):
  names = {"[PAD]": "<pad>", "[UNK]": "<unk>", "[CLS]": "<s>", "[SEP]": "</s>", "[MASK]": "<mask>"}

  def rename(content):
    for token in content["added_tokens"]:
      token["content"] = names[token["content"]]
    for piece in content["model"]["vocab"][:5]:
      piece[0] = names[piece[0]]
    content["post_processor"] = None

  tokenizer = changed(tmp_path, tiny_vocabulary, rename)
  assert tokenizer.special_ids == {"pad": 0, "unk": 1, "cls": 2, "sep": 3, "mask": 4}


def test_its_length_is_one_more_than_its_largest_id(tmp_path, tiny_wordpiece):
  def move(content):
    content["model"]["vocab"]["##s"] = 5000

  moved = changed(tmp_path, tiny_wordpiece, move)
  assert len(moved) == 5001 == len(moved.word_starts) and not moved.word_starts[5000]


def test_a_missing_mask_is_told_where_it_is_asked_for(tmp_path, tiny_wordpiece):
  def drop(content):
    content["added_tokens"].pop(4)
    content["model"]["vocab"]["[mask]"] = content["model"]["vocab"].pop("[MASK]")

  tokenizer = changed(tmp_path, tiny_wordpiece, drop)
  assert tokenizer.special_ids["sep"] == 3 and tokenizer.all_special.tolist() == [0, 1, 2, 3]
  with pytest.raises(InputError, match=r"/tokenizer.json has no \[MASK\]; .*<mask>"):
    tokenizer.special_ids["mask"]


def test_an_added_token_that_is_not_special_is_not_one(tmp_path, tiny_wordpiece):
  def add(content):
    content["added_tokens"].append(
      content["added_tokens"][0] | {"id": 1000, "content": "foo", "special": False}
    )

  tokenizer = changed(tmp_path, tiny_wordpiece, add)
  assert len(tokenizer) == 1001 and tokenizer.all_special.tolist() == [0, 1, 2, 3, 4]


def test_word_starts_cut_a_line_into_its_words(either, real_lines):
  starts = either.word_starts
  assert starts.shape == (1000,) and starts.dtype == bool
  assert starts[either.all_special].all() and 5 < starts.sum() < 995
  lines = [line for line in real_lines if line.isascii() and line.replace(" ", "").isalpha()]
  assert len(lines) > 10
  for ids, line in zip(either.encode(lines, 64)[0], lines, strict=True):
    assert starts[ids[1:-1]].sum() == len(line.split())  # The words are letters alone.


def test_word_starts_with_metaspace_in_a_sequence(tmp_path, tiny_vocabulary, tokenizer):
  def nest(content):  # As XLM-R has it.
    parts = [{"type": "WhitespaceSplit"}, content["pre_tokenizer"]]
    content["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": parts}
    content["decoder"] = None

  nested = changed(tmp_path, tiny_vocabulary, nest)
  assert (nested.word_starts == tokenizer.word_starts).all()


@pytest.mark.parametrize("kind", ["BPE", "Unigram"])
def test_word_starts_of_other_tokenizers_are_refused(tmp_path, tiny_vocabulary, kind):
  def change(content):
    if kind == "BPE":
      content["model"] = {"type": "BPE", "vocab": {"a": 0}, "merges": []}
      content["added_tokens"], content["post_processor"] = [], None
    else:
      content["pre_tokenizer"] = content["decoder"] = None

  with pytest.raises(InputError, match=f"its {kind} pieces do not say where a word begins"):
    changed(tmp_path, tiny_vocabulary, change).word_starts  # noqa: B018


def test_what_is_not_unicode_is_said_in_one_line(tokenizer):
  for encode in (lambda texts: tokenizer.encode(texts, 16), tokenizer.encode_whole):
    with pytest.raises(InputError, match="'b.ud800' is not Unicode text"):
      encode(["a", "b\ud800"])
    with pytest.raises(TypeError):
      encode(["a", 3])


@pytest.mark.parametrize("where", ["tokenizer_config.json", "tokenizer.json"])
def test_sentences_are_cut_at_the_side_that_the_folder_names(
  tmp_path, tiny_vocabulary, where, real_lines
):
  shutil.copy(tiny_vocabulary / "tokenizer.json", tmp_path)
  if where == "tokenizer.json":
    backend = Backend.from_file(str(tmp_path / where))
    backend.enable_truncation(20, direction="left")
    backend.save(str(tmp_path / where))
  else:
    (tmp_path / where).write_text('{"truncation_side": "left"}')
  tokenizer = Tokenizer(tmp_path / "tokenizer.json")
  whole = tokenizer.encode_whole(real_lines[:300])
  ids, cut = tokenizer.encode(real_lines[:300], 8)
  assert cut == sum(len(w) > 8 for w in whole) > 0
  for got, w in zip(ids, whole, strict=True):
    assert got.tolist() == (w.tolist() if len(w) <= 8 else [2, *w[-7:].tolist()])


def test_the_settings_count_before_tokenizer_json(tmp_path, tiny_vocabulary):
  backend = Backend.from_file(str(tiny_vocabulary / "tokenizer.json"))
  backend.enable_truncation(20, direction="left")
  backend.save(str(tmp_path / "tokenizer.json"))
  (tmp_path / "tokenizer_config.json").write_text('{"truncation_side": "right"}')
  assert Tokenizer(tmp_path / "tokenizer.json").truncation_side == "right"


@pytest.mark.parametrize(
  ("settings", "said"),
  [
    ({"truncation_side": "middle"}, "truncation_side is 'middle'; 'right' or 'left'"),
    ({"mask_token": "<new>"}, "added tokens lack .'<new>'., which tokenizer_config.json"),
    ({"split_special_tokens": True}, "split_special_tokens is True, which is not supported"),
    ({"extra_special_tokens": {"image": "<i>"}}, "added tokens lack .'<i>'."),
  ],
)
def test_settings_that_are_not_followed_are_refused(tmp_path, tiny_vocabulary, settings, said):
  shutil.copy(tiny_vocabulary / "tokenizer.json", tmp_path)
  (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
  with pytest.raises(InputError, match=said):
    Tokenizer(tmp_path / "tokenizer.json")


@pytest.mark.parametrize("single", ["[CLS] $A $A [SEP]", "[CLS] $A:1 [SEP]"])
def test_a_frame_that_a_model_cannot_take_is_refused(tmp_path, tiny_vocabulary, single):
  backend = Backend.from_file(str(tiny_vocabulary / "tokenizer.json"))
  backend.post_processor = processors.TemplateProcessing(
    single=single, special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
  )
  backend.save(str(tmp_path / "tokenizer.json"))
  with pytest.raises(InputError, match="repeats a text, or gives it token types other than 0"):
    Tokenizer(tmp_path / "tokenizer.json")
