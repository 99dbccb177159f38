"""The pieces of a page: well-formed, and every text escaped."""

import base64
import fnmatch
import tomllib

import jinja2
import pytest

from labse_jax.pages import html
from labse_jax.pages.html import Table
from labse_jax.pages.plots import Chart
from tests.support.html_document import Document
from tests.support.places import ROOT

ODD = "<b a=\"1\">&'x'</b>"
CHART = Chart(b"wide", b"narrow")


def piece(name, *args):
  """What a macro of the shared pieces gives."""
  return getattr(html.TEMPLATES.get_template("pieces.html").module, name)(*args)


@pytest.mark.parametrize(
  ("name", "args", "times"),
  [
    ("tiles", [[(ODD, ODD)]], 2),
    ("figure", [CHART, ODD, ODD], 1),
    ("table", [Table([ODD], [[ODD]], [ODD])], 3),
    ("foldable", [ODD, Table([], [[ODD]] * 21)], 22),
    ("definitions", [{ODD: ODD}, "wide"], 2),
  ],
)
def test_every_text_of_a_piece_is_escaped(name, args, times):
  assert_escaped(piece(name, *args), times)


def test_a_title_is_escaped():
  assert_escaped(html.render("page.html", title=ODD), 1)


def assert_escaped(text, times):
  document = Document(text)
  assert document.open == []
  assert document.texts.count(ODD) == times
  assert "a" not in {name for _, attributes in document.tags for name in attributes}


def test_no_template_says_that_a_text_is_safe():
  assert html.TEMPLATES.autoescape is True
  names = html.TEMPLATES.list_templates(["html"])
  assert "page.html" in names
  for name in names:
    source, _, _ = html.TEMPLATES.loader.get_source(html.TEMPLATES, name)
    assert "safe" not in source and "autoescape" not in source, name


def test_a_value_that_is_missing_is_an_error():
  with pytest.raises(jinja2.UndefinedError, match="title"):
    html.render("page.html")


def test_a_figure_has_an_image_for_each_width_and_a_caption_only_if_it_has_one():
  plain, captioned = (Document(piece("figure", CHART, "what", said)) for said in ("", "said"))
  tags = dict(plain.tags)
  assert "max-width" in tags["source"]["media"] and tags["img"]["alt"] == "what"
  head, _, wide = tags["img"]["src"].partition(",")
  assert head == "data:image/png;base64" and base64.b64decode(wide) == b"wide"
  assert base64.b64decode(tags["source"]["srcset"].partition(",")[2]) == b"narrow"
  assert plain.texts == [] and captioned.texts == ["said"]


def test_a_table_ends_with_its_total():
  rows = [["a", "1"], ["b", "2"]]
  document = Document(piece("table", Table(["name", "n"], rows, ["all", "3"])))
  assert document.texts == [*("name", "n"), *("a", "1"), *("b", "2"), *("all", "3")]
  marked = [attributes for tag, attributes in document.tags if tag == "tr"]
  assert marked == [{}, {}, {}, {"class": "total"}]
  assert 'class="total"' not in piece("table", Table(["name", "n"], rows))


@pytest.mark.parametrize(("rows", "folded"), [(20, False), (21, True)])
def test_a_long_table_is_folded(rows, folded):
  document = Document(piece("foldable", "all of them", Table(["n"], [["1"]] * rows)))
  assert (document.texts[0] == "all of them") == folded
  assert ("details" in dict(document.tags)) == folded


def test_a_page_needs_nothing_else():
  text = html.render("page.html", title="a title")
  assert text.startswith("<!doctype html>") and text.count("a title") == 2
  assert (html.FOLDER / "style.css").read_text("utf-8") in text
  assert "http" not in text and "url(" not in text


def test_the_package_holds_the_templates_and_the_style():
  project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
  patterns = project["tool"]["setuptools"]["package-data"]["labse_jax.pages"]
  others = [path for path in html.FOLDER.rglob("*.*") if path.suffix not in (".py", ".pyc")]
  assert len(others) > 5
  for path in others:
    name = path.relative_to(html.FOLDER).as_posix()
    assert any(fnmatch.fnmatch(name, pattern) for pattern in patterns), name
