import pytest

from labse_jax.base.errors import InputError
from labse_jax.mining import alignment_scores


def test_scores_by_hand():
  gold = [((0,), (0,)), ((1, 2), (1,)), ((3,), ()), ((4,), (2,)), ((), (3,))]
  found = [((0,), (0,)), ((1,), (1,)), ((2, 3), ()), ((4,), (2, 3)), ((5,), (4,))]
  scores = alignment_scores.scores(found, gold)
  assert scores["strict"] == pytest.approx({"precision": 1 / 5, "recall": 1 / 3, "f1": 1 / 4})
  assert scores["lax"] == pytest.approx({"precision": 3 / 5, "recall": 1, "f1": 3 / 4})


def test_skips_count_in_precision_only():
  gold = [((0,), (0,)), ((1,), ())]
  assert alignment_scores.scores(gold, gold)["strict"]["f1"] == 1
  scores = alignment_scores.scores(gold[:1], gold)
  assert scores["strict"] == {"precision": 1, "recall": 1, "f1": 1}
  scores = alignment_scores.scores([((0,), (0,)), ((), (1,))], gold)
  assert scores["lax"]["precision"] == 0.5 and scores["lax"]["recall"] == 1


def test_nothing_in_common_is_zero():
  scores = alignment_scores.scores([((0,), (0,))], [((1,), (1,))])
  assert scores["strict"] == scores["lax"] == {"precision": 0, "recall": 0, "f1": 0}


def test_gold_is_read_as_vecalign_writes_it(tmp_path):
  path = tmp_path / "gold"
  path.write_text("[0, 1]:[0]\n\u200b\n[]:[1,2]:0.123456\n [ 2 ] : [] \n", "utf-8")
  links = [((0, 1), (0,)), ((), (1, 2)), ((2,), ())]
  assert alignment_scores.read_gold(path, (3, 3)) == links


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("[0]:[0]\n[3]:[1]\n", "gold:2: place 3, and the source has lines 0 to 2."),
    ("[0]:[0, 4]\n", "gold:1: place 4, and the target has lines 0 to 3."),
    ("0:0\n", "gold:1: not of the form"),
    ("[-1]:[0]\n", "gold:1: not of the form"),
    ("[1 2, a]:[0]\n", "gold:1: not of the form"),
    ("", "has no pair"),
    ("[]:[0]\n", "has no pair"),
  ],
)
def test_wrong_gold_is_said_with_its_line(tmp_path, text, message):
  (tmp_path / "gold").write_text(text)
  with pytest.raises(InputError, match=message.replace("[", r"\[")):
    alignment_scores.read_gold(tmp_path / "gold", (3, 4))
