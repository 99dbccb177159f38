"""Rows come back from disk as they were, at their places, with hashes that tell them apart."""

import numpy as np
import pytest

from labse_jax.data.sources import Pair
from labse_jax.data.spool import Spool

ROWS = [
  Pair("eng", "deu", "a", "Yes.", "Ja."),
  Pair("deu", "eng", "b", "Nein, Ümläute!", "yes"),
  Pair("eng", "deu", "c", "Yes.", "Ja."),
  Pair("fra", "deu", "a", "Oui.", "Ja."),
  Pair("eng", "eng", "a", "Yes.", "Yep."),
  Pair("eng", "", "a", "Yes.", ""),
]


def filled(folder, *, hash_sides=True):
  spool = Spool(folder / "spool", hash_sides=hash_sides)
  spool.fill((record, row) for record, row in zip([0, 1, 2, 5, 5, 9], ROWS, strict=True))
  return spool


def test_the_rows_that_are_wanted_come_back_in_their_order(tmp_path):
  spool = filled(tmp_path)
  assert list(spool.rows(np.ones(6, bool))) == ROWS
  wanted = np.array([False, True, False, True, False, True])
  assert list(spool.rows(wanted)) == [ROWS[1], ROWS[3], ROWS[5]]


def test_a_row_is_found_again_by_its_place(tmp_path):
  spool = filled(tmp_path)
  places = dict(spool.places(np.arange(6) > 0))
  assert list(places.values()) == ROWS[1:]
  with spool.reader() as read_row:
    for place in reversed(places):
      assert read_row(place) == places[place]


def test_a_mask_of_another_length_is_refused(tmp_path):
  with pytest.raises(ValueError, match="zip"):
    list(filled(tmp_path).rows(np.ones(5, bool)))


def test_hashes_are_equal_where_the_texts_are(tmp_path):
  hashes = filled(tmp_path).hashes()
  assert hashes["record"].tolist() == [0, 1, 2, 5, 5, 9]
  row = hashes["row"]
  assert row[0] == row[2], "the origin makes no other row"
  assert len(set(row.tolist())) == 5
  # Case and punctuation change nothing of a side.
  assert hashes["source"][0] == hashes["target"][1]
  assert hashes["english"].tolist() == [
    hashes["source"][0],
    hashes["target"][1],
    hashes["source"][2],
    0,
    0,
    hashes["source"][5],
  ]


def test_sides_are_hashed_only_where_they_are_needed(tmp_path):
  hashes = filled(tmp_path, hash_sides=False).hashes()
  assert hashes["row"].all()
  for name in ("source", "target", "english"):
    assert not hashes[name].any()
