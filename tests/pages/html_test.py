"""The pieces of a page: well-formed, and every text escaped."""

import base64

import pytest

from labse_jax.pages import html
from tests.support.html_document import Document

ODD = "<b a=\"1\">&'x'</b>"


@pytest.mark.parametrize(
  "piece",
  [
    html.element("p", ODD, "quiet"),
    html.notice(ODD),
    html.tiles([(ODD, ODD)]),
    html.figure(b"png", ODD, ODD),
    html.table([ODD], [[ODD]], total=[ODD]),
    html.squares({ODD: [(ODD, ODD, 0.5)]}),
    html.definitions({ODD: ODD}, "wide"),
    html.folded(ODD, ""),
    html.sentence(ODD),
    html.page(ODD, []),
  ],
)
def test_every_text_is_escaped(piece):
  document = Document(piece)
  assert document.open == []
  assert ODD in document.texts or ODD.capitalize() in "".join(document.texts)
  assert "b" not in {tag for tag, attributes in document.tags if "a" in attributes}


def test_a_figure_holds_its_image_and_a_caption_only_if_it_has_one():
  plain, captioned = (Document(html.figure(b"png", "what", said)) for said in ("", "said"))
  _, image = plain.tags[1]
  assert base64.b64decode(image["src"].removeprefix("data:image/png;base64,")) == b"png"
  assert image["alt"] == "what" and plain.texts == []
  assert captioned.texts == ["said"]


def test_a_narrow_screen_has_an_image_of_its_own():
  document = Document(html.figure(b"wide", "what", narrow=b"narrow"))
  tags = dict(document.tags)
  assert not document.open and "max-width" in tags["source"]["media"]
  assert base64.b64decode(tags["source"]["srcset"].partition(",")[2]) == b"narrow"
  assert base64.b64decode(tags["img"]["src"].partition(",")[2]) == b"wide"


def test_a_table_ends_with_its_total():
  rows = [["a", 1], ["b", 2]]
  document = Document(html.table(["name", "n"], rows, total=["all", 3]))
  assert [text for text in document.texts if text.strip()] == [
    *("name", "n"),
    *("a", "1"),
    *("b", "2"),
    *("all", "3"),
  ]
  marked = [attributes for tag, attributes in document.tags if tag == "tr"]
  assert marked == [{}, {}, {}, {"class": "total"}]
  assert 'class="total"' not in html.table(["name", "n"], rows)


def test_dark_squares_have_white_letters():
  pale, dark = (html.squares({"latin": [("fra", "0.5", shade)]}) for shade in (0, 1))
  assert "/ 0.05)" in pale and "color: var(--ink)" in pale
  assert "/ 1.00)" in dark and "color: #fff" in dark
  assert Document(pale).texts == ["Latin (1)", "fra", "0.5"]


def test_a_page_needs_nothing_else():
  text = html.page("title", ["<p>one</p>", "<p>two</p>"])
  assert text.startswith("<!doctype html>") and "<p>one</p>\n<p>two</p>" in text
  assert "http" not in text and "url(" not in text
