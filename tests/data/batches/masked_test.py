"""Masked rows: both kinds are mixed by the ratio, nothing is lost, and masks come again."""

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.data.batches import masked
from labse_jax.data.batches.streams import Host
from labse_jax.data.dataset import open_dataset
from labse_jax.data.sources import Pair
from labse_jax.tokenizer.tokenizer import Tokenizer
from tests.support.tiny import write_dataset

OPTIONS = {"restart_positions": False, "masking": {"kind": "token", "share": 0.15, "slots": 8}}


@pytest.fixture(scope="module")
def tokenizer(tiny_vocabulary):
  return Tokenizer(tiny_vocabulary / "tokenizer.json")


@pytest.fixture(scope="module")
def pairs(folder):
  return open_dataset(folder / "data")


@pytest.fixture(scope="module")
def text(tmp_path_factory, real_lines):
  """Documents of ten lines, in two languages."""
  folder = tmp_path_factory.mktemp("text") / "text"
  documents = ["\n".join(real_lines[n : n + 10]) for n in range(0, 300, 10)]
  write_dataset(
    folder, [Pair(["eng", "deu"][n % 2], "", "test", d, "") for n, d in enumerate(documents)]
  )
  return open_dataset(folder)


def make(tokenizer, sources, **changes):
  options = {
    "share_tlm": 0.5,
    "rows": 16,
    "length": 48,
    "exponent": 0.3,
    "seed": 0,
    "options": OPTIONS,
    "host": Host(0, 1),
  } | changes
  return masked.batches(sources, tokenizer, **options)


def both(pairs, text):
  return {"tlm": (pairs, masked.translations), "mlm": (text, masked.sentences)}


def unmasked(batch):
  """The tokens as they were before masking."""
  tokens_RL = batch["tokens"].copy()
  row_RM = np.broadcast_to(np.arange(len(tokens_RL))[:, None], batch["weights"].shape)
  used = batch["weights"]
  tokens_RL[row_RM[used], batch["predicted"][used]] = batch["labels"][used]
  return tokens_RL


@pytest.mark.heavy
@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_rows_of_both_kinds_are_mixed_by_the_ratio(tokenizer, pairs, text, share):
  data = iter(make(tokenizer, both(pairs, text), share_tlm=share))
  kinds = np.concatenate([next(data)["tlm"] for _ in range(8)])
  assert kinds.mean() == pytest.approx(share, abs=1 / 128)


@pytest.mark.heavy
def test_a_translation_is_one_segment_with_one_cls(tokenizer, pairs):
  special = tokenizer.special_ids
  data = make(tokenizer, {"tlm": (pairs, masked.translations)}, share_tlm=1, length=128)
  batch = next(iter(data))
  tokens_RL = unmasked(batch)
  examples = pairs.source.__getitems__(range(len(pairs)))
  texts = [example[side] for example in examples for side in ("source", "target")]
  known = {tuple(ids) for ids in tokenizer.encode_whole(texts)}
  whole = []
  for tokens_L, segments_L in zip(tokens_RL, batch["segments"], strict=True):
    for segment in range(1, segments_L.max() + 1):
      ids = tokens_L[segments_L == segment]
      assert ids[0] == special["cls"] and (ids == special["cls"]).sum() == 1
      assert (ids == special["sep"]).sum() == 2 and ids[-1] == special["sep"]
      middle = int(np.flatnonzero(ids == special["sep"])[0])
      sides = tuple(ids[: middle + 1]), (special["cls"], *ids[middle + 1 :])
      whole.append(sides[0] in known and sides[1] in known)
  assert len(whole) > 16 and np.mean(whole) > 0.8  # The others were cut.


@pytest.mark.heavy
def test_positions_go_on_or_start_again(tokenizer, pairs):
  for restart in (False, True):
    options = OPTIONS | {"restart_positions": restart}
    data = make(tokenizer, {"tlm": (pairs, masked.translations)}, share_tlm=1, options=options)
    batch = next(iter(data))
    tokens_RL = unmasked(batch)
    first = batch["segments"][0] == 1
    positions, ids = batch["positions"][0][first], tokens_RL[0][first]
    middle = int(np.flatnonzero(ids == tokenizer.special_ids["sep"])[0])
    assert positions[: middle + 1].tolist() == list(range(middle + 1))
    assert positions[middle + 1] == (0 if restart else middle + 1)


@pytest.mark.parametrize(
  ("a", "b", "room", "lengths"),
  [
    (10, 4, 20, (10, 4)),
    (30, 4, 20, (16, 4)),
    (4, 30, 20, (4, 16)),
    (30, 30, 20, (10, 10)),
    (12, 11, 20, (10, 10)),
    (30, 9, 21, (12, 9)),
  ],
)
def test_the_longer_side_is_cut_and_keeps_its_end(a, b, room, lengths):
  x, y = np.arange(a), 100 + np.arange(b)
  cut = masked.shortened(x, y, room)
  assert tuple(map(len, cut)) == lengths
  for short, long in zip(cut, (x, y), strict=True):
    assert short[-1] == long[-1] and (short[:-1] == long[: len(short) - 1]).all()


def test_documents_fill_rows_and_lose_nothing(tokenizer, text):
  examples = text.source.__getitems__(range(len(text)))
  items = masked.documents(examples, tokenizer, 48, restart_positions=False)
  lengths = [len(ids) for ids, _ in items]
  assert max(lengths) == 48 and np.mean(lengths) > 30
  joined = [
    ids
    for whole in tokenizer.encode_whole([e["source"].replace("\n", " ") for e in examples])
    for ids in whole[1:-1]
  ]
  assert [i for ids, _ in items for i in ids[1:-1]] == joined
  assert all(ids[0] == 2 and ids[-1] == 3 for ids, _ in items)


def test_blank_lines_are_no_sentences(tokenizer):
  example = {"source": "one\n\u200b\n\ntwo", "target": "\u3164"}
  assert len(masked.sentences([example], tokenizer, 48)) == 2


def test_sentences_are_lines_and_both_sides_of_pairs(tokenizer, text, pairs):
  lines = masked.sentences(text.source.__getitems__([0, 1]), tokenizer, 48)
  assert len(lines) == 20
  sides = masked.sentences(pairs.source.__getitems__([0, 1]), tokenizer, 48)
  wanted, _ = tokenizer.encode(
    [pairs.source[i][s] for i in (0, 1) for s in ("source", "target")], 48
  )
  assert [ids.tolist() for ids, _ in sides] == [ids.tolist() for ids in wanted]


@pytest.mark.heavy
def test_pairs_that_are_read_as_text_too_come_at_other_times(tokenizer, pairs):
  """Both kinds from one dataset: a batch's sentences are not the sides of its pairs."""
  sources = {"tlm": (pairs, masked.translations), "mlm": (pairs, masked.sentences)}
  batch = next(iter(make(tokenizer, sources, rows=32, length=96)))
  tokens_RL, cls = unmasked(batch), tokenizer.special_ids["cls"]

  def of_kind(tlm):
    return [
      tuple(tokens_RL[r][batch["segments"][r] == s][1:6])
      for r in range(32)
      if batch["tlm"][r] == tlm
      for s in range(1, batch["segments"][r].max() + 1)
    ]

  texts, firsts = of_kind(False), of_kind(True)
  assert cls not in {t[0] for t in texts} and len(texts) > len(firsts) > 10
  assert np.mean([first in texts for first in firsts]) < 0.5


@pytest.mark.heavy
def test_special_tokens_are_never_hidden(tokenizer, pairs, text):
  data = iter(make(tokenizer, both(pairs, text)))
  for _ in range(5):
    batch = next(data)
    assert batch["weights"].any()
    assert not np.isin(batch["labels"][batch["weights"]], tokenizer.all_special).any()
    hidden = batch["tokens"] == tokenizer.special_ids["mask"]
    assert 0.05 < hidden.sum() / (batch["segments"] > 0).sum() < 0.2


@pytest.mark.heavy
def test_masks_are_the_same_after_a_resume_and_new_in_each_epoch(tokenizer, text):
  sources = {"mlm": (text, masked.sentences)}
  straight = iter(make(tokenizer, sources, share_tlm=0))
  for _ in range(3):
    next(straight)
  state = straight.get_state()
  wanted = [next(straight) for _ in range(40)]
  resumed = iter(make(tokenizer, sources, share_tlm=0))
  resumed.set_state(state)
  for batch in wanted:
    again = next(resumed)
    for name, array in batch.items():
      np.testing.assert_array_equal(array, again[name])
  # 300 lines come round several times in 40 batches: the same line, another mask.
  lines = {}
  for batch in wanted:
    ids_RL = unmasked(batch)
    for row in range(len(ids_RL)):
      for segment in range(1, batch["segments"][row].max() + 1):
        inside = batch["segments"][row] == segment
        lines.setdefault(tuple(ids_RL[row][inside]), []).append(tuple(batch["tokens"][row][inside]))
  repeated = [versions for versions in lines.values() if len(versions[0]) > 5]
  assert len(repeated) > 100 and all(len(versions) > 2 for versions in repeated)
  assert np.mean([len(set(versions)) > 1 for versions in repeated]) > 0.9


@pytest.mark.heavy
def test_hosts_read_other_text_with_other_masks(tokenizer, pairs, text):
  one, two = (next(iter(make(tokenizer, both(pairs, text), host=Host(i, 2)))) for i in (0, 1))
  assert len(one["tokens"]) == 8
  texts = [{tuple(row) for row in unmasked(batch)} for batch in (one, two)]
  assert not texts[0] & texts[1]
  assert (one["predicted"] != two["predicted"]).any(1).all()


def test_text_shorter_than_a_row(tmp_path, tokenizer):
  write_dataset(tmp_path / "few", [Pair("eng", "", "test", "A word or two.", "")])
  few = open_dataset(tmp_path / "few")
  with pytest.raises(InputError, match=r"few: its text has \d+ tokens, less than one row of 48"):
    masked.check_long_enough(few, tokenizer, 48, tmp_path / "few")
  masked.check_long_enough(few, tokenizer, 4, tmp_path / "few")


def test_share_cut_counts_what_a_row_does_not_hold(tokenizer, pairs, text):
  def lengths(dataset, side):
    examples = dataset.source.__getitems__(range(len(dataset)))
    lines = [line for example in examples for line in example[side].split("\n")]
    return np.array([len(ids) for ids in tokenizer.encode_whole(lines)])

  def share(dataset, rows_of, share_tlm, length=20):
    return masked.share_cut(dataset, tokenizer, length=length, rows_of=rows_of, share_tlm=share_tlm)

  source_N = lengths(pairs, "source")
  target_N = lengths(pairs, "target")
  in_one_row = np.mean(source_N + target_N - 1 > 20)  # One [CLS] for both.
  apart = np.mean((source_N > 20) | (target_N > 20))
  assert 0 < apart < in_one_row
  assert share(pairs, "sentences", 0.5) == pytest.approx(in_one_row)
  assert share(pairs, "sentences", 0) == pytest.approx(apart)
  assert share(text, "documents", 0) == 0
  of_lines = np.mean(lengths(text, "source") > 8)
  assert 0 < of_lines < 1
  assert share(text, "sentences", 0, length=8) == pytest.approx(of_lines)
