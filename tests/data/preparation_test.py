"""Rows become records: what is dropped and why, what is held out, how documents come together."""

import json

import pytest

from labse_jax.base.errors import InputError
from labse_jax.data.dataset import open_dataset
from labse_jax.data.preparation import Rules, prepare, write_held_out
from labse_jax.data.sources import Counts, Pair

SHORT = ("too short", lambda row: len(row.source) < 3)
LONG = ("too long", lambda row: len(row.source) > 20)


def pair(source, target, languages=("eng", "deu")):
  return Pair(*languages, "here", source, target)


def document(*lines):
  return Pair("eng", "", "here", "\n".join(lines), "")


def prepared(folder, rows, *filters, **rules):
  counts = Counts()
  counts.rows = len(rows)
  report = prepare(rows, folder / "d", Rules(list(filters), **rules), counts=counts)
  assert json.loads((folder / "d" / "report.json").read_text("utf-8")) == report
  source = open_dataset(folder / "d").source
  return [Pair(**example) for example in source.__getitems__(range(len(source)))], report


def test_the_first_filter_that_drops_a_row_counts_it(tmp_path):
  rows = [pair("one  two\tthree", "eins"), pair("x", "y"), pair("one two three", "eins")]
  found, report = prepared(tmp_path, rows, LONG, SHORT, ("never asked twice", lambda row: False))
  assert found == [pair("one two three", "eins")]
  dropped = {"too long": 0, "too short": 1, "never asked twice": 0, "duplicate": 1}
  assert report["dropped_by_filter"] == dropped
  assert list(report["dropped_by_filter"]) == list(dropped)


def test_an_invisible_side_is_empty_and_a_byte_order_mark_makes_no_other_row(tmp_path):
  empty = ("empty side", lambda row: not (row.source and row.target))
  rows = [pair("\ufeffGood day", "Guten Tag"), pair("Good day", "Guten Tag\u200b")]
  rows += [pair("\u3164", "eins"), pair("one", "\u200b\u2060 \u200f")]
  found, report = prepared(tmp_path, rows, empty)
  assert found == [pair("Good day", "Guten Tag")]
  assert report["dropped_by_filter"] == {"empty side": 2, "duplicate": 1}


def test_codes_become_standard(tmp_path):
  found, report = prepared(tmp_path, [pair("one", "eins", ("en-US", "de"))])
  assert found == [pair("one", "eins")] and report["languages"] == {"eng-deu": 1}


def test_lines_that_stay_are_joined_to_documents_again(tmp_path):
  rows = [document("one", "two", "x"), document("two"), document("two", "three", "four")]
  found, report = prepared(tmp_path, rows, SHORT)
  assert found == [document("one", "two"), document("three", "four")]
  assert (report["lines"], report["documents"]) == (4, 2)
  assert report["dropped_by_filter"] == {"too short": 1, "duplicate": 2}


def test_rows_that_share_a_side_with_a_held_out_message_go(tmp_path):
  rows = [pair("Yes.", "Ja."), pair("No.", "Nein."), pair("Ja!", "Si.", ("deu", "spa"))]
  rows += [pair("nein", "No", ("deu", "spa")), pair("Oui.", "Claro.", ("fra", "spa"))]
  found, report = prepared(tmp_path, rows, held_out=1)
  held = (tmp_path / "d" / "held_out" / "tatoeba.deu-eng.eng").read_text("utf-8")
  yes = held == "Yes.\n"
  assert yes or held == "No.\n"
  assert found == ([rows[1], rows[3], rows[4]] if yes else [rows[0], rows[2], rows[4]])
  assert report["held_out"] == {"messages": 1, "pairs": 1, "languages": {"deu": 1}}


def test_a_pivot_adds_pairs_that_the_filters_let_pass(tmp_path):
  rows = [pair("Yes.", "Ja."), pair("Yes.", "Oui.", ("eng", "fra"))]
  found, report = prepared(tmp_path, rows, pivot="eng")
  made = Pair("deu", "fra", "pivot-eng", "Ja.", "Oui.")
  assert found == [*rows, made]
  assert report["pivot"] == {"language": "eng", "pairs": 1}
  found, report = prepared(tmp_path, rows, ("no Ja", lambda row: row.source == "Ja."), pivot="eng")
  assert found == rows and report["pivot"]["pairs"] == 0


def test_where_nothing_is_left_the_reasons_are_told(tmp_path):
  with pytest.raises(InputError, match="Nothing is left of 2 rows read; too short: 2$"):
    prepared(tmp_path, [pair("x", "y"), pair("v", "w")], SHORT)
  assert not list(tmp_path.iterdir())


def test_a_held_out_message_has_one_translation_a_language(tmp_path):
  rows = [pair("Yes.", "Ja."), pair("Oui.", "yes", ("fra", "eng")), pair("Yes!", "Jawohl.")]
  report = write_held_out(tmp_path / "h", rows)
  assert report == {"messages": 1, "pairs": 2, "languages": {"deu": 1, "fra": 1}}
  texts = {path.name: path.read_text("utf-8") for path in (tmp_path / "h").iterdir()}
  assert texts == {
    "tatoeba.deu-eng.deu": "Ja.\n",
    "tatoeba.deu-eng.eng": "Yes.\n",
    "tatoeba.fra-eng.fra": "Oui.\n",
    "tatoeba.fra-eng.eng": "yes\n",
  }
