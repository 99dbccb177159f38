"""The sections that two kinds of pages share."""

from labse_jax.pages import html
from labse_jax.pages import results as result_sections
from tests.support.html_document import Document


def result_of(count, *directions):
  rows = {f"l{n:02}": {"error": n / count} | dict.fromkeys(directions, 0.5) for n in range(count)}
  return {"suite": "xsim", "results": rows, "average": {"error": 0.5, "languages": count}}


def shown(section, *args):
  """The texts and the names of the tags of a section."""
  template = html.TEMPLATES.get_template("results.html").module
  document = Document(getattr(template, section)(*args))
  assert not document.open
  return document.texts, [tag for tag, _ in document.tags]


def test_groups_notes_and_the_way_of_the_metric_are_said():
  result = result_of(3) | {"groups": {"14": {"error": 0.25, "languages": 14}}}
  result |= {"scored on": {"l00": "half", "l02": "half"}, "skipped": {"xho": 2}}
  found = result_sections.by_language(result)
  texts, tags = shown("by_language", found)
  assert texts[0] == "Error by language" and found.directions is None
  assert texts[texts.index("group 14 (14)") + 1] == "0.250"
  assert "scored on half: l00, l02" in texts
  assert "left out, with too few pairs: Xhosa (xho) (2)" in texts
  assert "Suite xsim: 0.500 on average over 3 languages" in texts[1]
  assert "Of error, less is better." in texts[1] and "details" not in tags


def test_languages_are_named_and_many_left_out_are_folded():
  result = result_of(3) | {"skipped": {f"l{n}": n for n in range(30)} | {"xho": 2}}
  result["results"]["fra"] = {"error": 0.5}
  texts, tags = shown("by_language", result_sections.by_language(result))
  assert "French (fra)" in texts and "fra" not in texts
  assert "31 languages are left out, with too few pairs" in texts and tags.count("details") == 1
  assert texts[texts.index("Xhosa (xho)") + 1] == "2"


def test_directions_are_drawn_and_long_tables_are_folded():
  result = result_of(21, *result_sections.DIRECTIONS)
  found = result_sections.by_language(result)
  texts, tags = shown("by_language", found, "good")
  assert texts[0] == "Error by language: good"
  assert found.directions != found.chart and tags.count("img") == 2
  assert "All 21 languages in numbers" in texts and tags.count("details") == 1


def test_where_figures_come_from_is_said_in_words():
  made = {"model": "m", "precision": None, "hardware": {"devices": {}}, "other": 1}
  texts, _ = shown("measured", result_sections.measured(made))
  assert texts == [
    "How it was measured",
    "model",
    "m",
    "dtype",
    "none",
    "hardware",
    "devices: none",
  ]
