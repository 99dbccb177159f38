"""New pieces: chosen by what they save, split as the old tokenizer splits them, and in use."""

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.surgery import new_pieces, tokenizer_edits
from labse_jax.surgery.new_pieces import Piece
from labse_jax.tokenizer.tokenizer import Tokenizer

WORDS = ["ⴰⵣⵓⵍ", "ⵜⴰⵎⴰⵣⵉⵖⵜ", "ⵜⵓⵔⴰ", "ⵉⵎⴰⵣⵉⵖⵏ", "ⴰⵎⴰⵣⵉⵖ"]
CHARACTERS = set("".join(WORDS))


def lines(count=300, words=WORDS, seed=0):
  rng = np.random.default_rng(seed)
  return [" ".join(rng.choice(words, rng.integers(2, 9))) for _ in range(count)]


@pytest.fixture(params=["tiny_vocabulary", "tiny_wordpiece"])
def tokenizer(request):
  return Tokenizer(request.getfixturevalue(request.param) / "tokenizer.json")


def is_wordpiece(tokenizer):
  return tokenizer_edits.load(tokenizer)["model"]["type"] == "WordPiece"


def learn_and_open(tokenizer, text, count):
  pieces = new_pieces.learn(tokenizer, lambda: iter(text), count)
  return pieces, new_pieces.opened(new_pieces.grown(tokenizer_edits.load(tokenizer), pieces))


def test_a_script_that_is_not_known_gets_its_characters_first(tokenizer):
  text = lines()
  assert all(1 in ids for ids in tokenizer.encode_whole(text))
  pieces, grown = learn_and_open(tokenizer, text, 60)
  assert len(pieces) <= 60 and len({piece.text for piece in pieces}) == len(pieces)
  singles = [piece for piece in pieces if len(piece.characters) == 1 and not piece.spelled]
  assert pieces[: len(singles)] == singles
  assert {piece.characters for piece in singles} == CHARACTERS
  uses = ["".join(text).count(piece.characters) for piece in singles]
  assert uses == sorted(uses, reverse=True)
  assert not any(1 in ids for ids in grown.encode_whole(text))
  assert max(map(len, grown.encode_whole(WORDS))) == 3  # Each word is a piece now.
  # With room for little else than characters, other words of the script are spelled too.
  _, spelling = learn_and_open(tokenizer, text, len(singles))
  assert not any(1 in ids for ids in spelling.encode_whole(["ⴰⵎⵓⵍⴰ ⵉⵔⴰⵣ"]))


def test_pieces_of_known_characters_save_the_most_tokens(tokenizer):
  text = lines(words=["fezzetru", "waggulimp", "oq"], count=500)
  pieces, grown = learn_and_open(tokenizer, text, 2)
  assert {piece.characters for piece in pieces} == {"fezzetru", "waggulimp"}
  assert all(piece.spelled and len(piece.parts) > 3 for piece in pieces)
  before, after = (sum(map(len, one.encode_whole(text))) for one in (tokenizer, grown))
  saved = sum(" ".join(text).count(piece.characters) * (len(piece.parts) - 1) for piece in pieces)
  assert before - after == saved > 1000
  assert len(learn_and_open(tokenizer, text, 1)[0]) == 1


def test_parts_are_the_old_tokenizers(tokenizer):
  rng = np.random.default_rng(1)
  starts = ("".join(rng.choice(list("abdegiklmnoprstu"), 4)) for _ in range(200))
  text = [*lines(words=["fezzetru", "ⴰⵣ"]), *(f"{start}waggulimp" for start in starts)]
  pieces, _ = learn_and_open(tokenizer, text, 50)
  names = [tokenizer.backend.id_to_token(i) for i in range(len(tokenizer))]
  assert any(not piece.spelled for piece in pieces)
  found = set()
  for piece in pieces:
    assert piece.text not in names and piece.spelled == (1 not in piece.parts)
    if not piece.spelled:
      continue
    parts = [names[i] for i in piece.parts]
    inside = piece.text.startswith("##")
    found.add(inside)
    if is_wordpiece(tokenizer):
      assert [part.startswith("##") for part in parts] == [inside, *[True] * (len(parts) - 1)]
    assert "".join(part.removeprefix("##") for part in parts) == piece.text.removeprefix("##")
  assert found == ({False, True} if is_wordpiece(tokenizer) else {False})


def test_lines_without_the_pieces_keep_their_ids(tokenizer, real_lines):
  pieces, grown = learn_and_open(tokenizer, [*lines(), *lines(words=["fezzetru", "oqimp"])], 80)
  before, after = tokenizer.encode_whole(real_lines), grown.encode_whole(real_lines)
  same = [np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
  assert np.mean(same) > 0.9
  for ok, ids in zip(same, after, strict=True):
    assert ok == (ids.max() < 1000)  # What changed has a new piece in it.


def test_unigram_scores_win_and_none_is_the_lowest(tmp_path, tiny_vocabulary):
  content = tokenizer_edits.load(Tokenizer(tiny_vocabulary / "tokenizer.json"))
  vocab, text = content["model"]["vocab"], lines(words=["tion", "fezzetru", "ⴰⵣ"])
  for lowest in (-20.0, -500.0):
    vocab[-1][1] = lowest
    tokenizer_edits.save(content, tmp_path / "tokenizer.json")
    tokenizer = Tokenizer(tmp_path / "tokenizer.json")
    for piece in learn_and_open(tokenizer, text, 50)[0]:
      together = sum(vocab[i][1] for i in piece.parts) + new_pieces.STEP
      assert piece.score == (max(lowest, together) if piece.spelled else lowest)


def test_learning_is_the_same_again(tokenizer):
  text = lines()
  assert learn_and_open(tokenizer, text, 40)[0] == learn_and_open(tokenizer, text[::-1], 40)[0]


def test_characters_of_a_piece_are_without_its_sign():
  for text in ("##ab", "▁ab", "ab"):
    assert Piece(text, [], True, 0.0).characters == "ab"


def test_nothing_to_learn_from_is_said_or_gives_nothing(tokenizer):
  try:
    assert new_pieces.learn(tokenizer, lambda: iter([]), 5) == []
  except InputError as error:
    assert "No pieces can be learned from this text" in str(error)


def test_long_lines_give_pieces_too(tokenizer, capsys):
  text = [" ".join(lines(100))] * 4
  assert len(text[0].encode()) > new_pieces.MOST_BYTES
  pieces, grown = learn_and_open(tokenizer, text, 60)
  assert {piece.characters for piece in pieces} >= CHARACTERS
  assert not any(1 in ids for ids in grown.encode_whole(text))
  told = capsys.readouterr().err
  assert ("4 lines are longer than 4,192 bytes" in told) == (not is_wordpiece(tokenizer))
