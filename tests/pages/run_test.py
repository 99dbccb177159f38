"""The page of a run, by what it reads and what it shows; report_test.py sees whole pages."""

import numpy as np
import pytest

from labse_jax.pages import run as run_page
from labse_jax.pages.run_files import Run
from tests.support.html_document import Document

SCRIPT = "<script>alert(1)</script>"
QUERY = {"language": "fra", "query": "or", "gold": "gold", "candidates": 1000}


def metric(value):
  return {"value": value, "low": value - 0.1, "high": value + 0.1}


def run_of(*log, torn=False, config=None, evaluation=None, phases=()):
  return Run(list(log), torn, config, evaluation, dict(phases))


def page_of(run, shown=None, name="a run"):
  """The page's text, and its images."""
  text, images = run_page.page_of(name, run, shown, "nothing is shown")
  assert not Document(text).open
  return text, images


@pytest.fixture
def drawn(monkeypatch):
  """What is given to the wide chart of the training: a list of (panels, borders)."""
  charts = []

  def curves(panels, borders, width=None):
    if not width:
      charts.append((panels, borders))
    return b"png"

  monkeypatch.setattr(run_page.plots, "curves", curves)
  return charts


def test_values_that_are_not_finite_are_not_drawn():
  log = [{"step": 1, "loss": 2.0}, {"step": 2, "loss": float("nan")}, {"step": 3, "loss": None}]
  assert run_page.series([*log, {"step": 4}, {"step": 5, "loss": metric(1.0)}], "loss") == (
    [1, 5],
    [2.0, 1.0],
  )


def test_a_run_that_does_not_grow_has_no_borders():
  assert run_page.stage_borders([{"step": 1, "loss": 2.0}]) == []


def test_borders_of_stages_are_where_the_model_grew(drawn):
  log = [{"step": n, "stage": 1 + (n >= 4) + (n >= 8), "loss": 1.0} for n in range(10)]
  log.insert(6, {"step": 5, "tatoeba/accuracy": 0.5})  # An evaluation's line names no stage.
  assert run_page.stage_borders(log) == [4, 8]
  page, _ = page_of(run_of(*log))
  assert [borders for _, borders in drawn] == [[4, 8]] and "the model grows" in page


def test_the_first_panels_are_drawn_and_one_test_gives_its_name(drawn):
  row = {"step": 3, "loss": 1.0, "learning_rate": 0.1, "grad_norm": 2.0, "tokens_per_second": 9.0}
  row |= {"tatoeba/accuracy": metric(0.5), "tatoeba/pairs": 7, "masked_accuracy": None}
  page, images = page_of(run_of(row))
  ((panels, _),) = drawn
  assert list(panels) == ["Loss", "tatoeba/accuracy", "Learning rate", "Tokens per second"]
  assert panels["tatoeba/accuracy"] == {"tatoeba/accuracy": ([3], [0.5])}
  caption = "Over the steps: Loss, tatoeba/accuracy, Learning rate, Tokens per second"
  assert caption in Document(page).texts and images == {"training": b"png"}


def test_several_tests_share_a_panel(drawn):
  page_of(run_of({"step": 1, "a/accuracy": 0.5, "b/accuracy": 0.25}))
  ((panels, _),) = drawn
  assert list(panels["Tests during training"]) == ["a/accuracy", "b/accuracy"]


def test_nothing_to_draw_is_said(drawn):
  page, images = page_of(run_of({"step": 1, "loss": None}, torn=True))
  assert "holds no value that could be drawn" in page and "was cut short" in page
  assert "nothing is shown" in page and drawn == [] and images == {}


@pytest.mark.parametrize(
  ("row", "shown"),
  [
    ({"sentences_per_second": 1234.5, "tokens_per_second": 9.0}, ("1,234", "sentences per second")),
    ({"tokens_per_second": 9.0}, ("9", "tokens per second")),
    ({"loss": 0.5, "masked_accuracy": 0.25}, ("0.250", "of the masked words found")),
  ],
)
def test_the_main_figures_are_those_that_were_logged(row, shown):
  tiles = run_page.tiles([{"step": 6} | row], None)
  assert ("7", "training steps") in tiles and tiles[-1] == shown


def test_a_config_is_flat_text():
  config = {"seed": 7, "model": {"width": 8, "more": {}}, "stages": [[1, 2], [3]], "init": None}
  assert run_page.flat(config) == {
    "seed": "7",
    "model.width": "8",
    "model.more": "none",
    "stages": "1, 2, 3",
    "init": "none",
  }


def test_phases_stand_with_their_sum():
  phases = {"corpus": 4, "train": 1_020}
  table = run_page.phases_table(phases)
  assert [*table.rows, table.total] == [("corpus", "4"), ("train", "1,020"), ("in all", "1,024")]
  with_phases, without = (page_of(run_of({"step": 1}, phases=given))[0] for given in (phases, {}))
  assert "Seconds by phase" in with_phases and "Seconds by phase" not in without


@pytest.mark.parametrize("rank, said", [(3, False), (4, True), (75, True)])
def test_a_right_sentence_far_down_is_shown_with_its_rank(rank, said):
  found = [(f"wrong {place}", 0.9) for place in range(3)]
  found[2] = ("gold", 0.1) if rank == 3 else found[2]
  text = cards({**QUERY, "gold_score": 0.1, "rank": rank, "found": found})
  assert (f"the right one, at rank {rank} of 1,000:" in text) == said
  line = r'class="hit right"><span class="score">0.100</span><bdi dir="auto">gold</bdi>'
  assert text.count(line) == 1 and "✗ missed" in text


def cards(*queries):
  return run_page.html.TEMPLATES.get_template("queries.html").module.cards(queries)


def test_no_text_of_a_user_is_read_as_html():
  evaluation = {
    "suite": SCRIPT,
    "results": {SCRIPT: {SCRIPT: 0.5}},
    "average": {SCRIPT: 0.5},
    "skipped": {SCRIPT: 2},
    "scored on": {SCRIPT: SCRIPT},
    "model": SCRIPT,
    "hardware": {"processor": SCRIPT, "cores": 2},
  }
  query = {**QUERY, "language": SCRIPT, "query": SCRIPT, "gold": SCRIPT, "gold_score": 0.5}
  shown = {
    "language": SCRIPT,
    "pairs": [(SCRIPT, SCRIPT)],
    "similarity": np.eye(1),
    "queries": [{**query, "rank": 1, "found": [(SCRIPT, 0.5)]}],
  }
  run = run_of(
    {"step": 1, f"{SCRIPT}/accuracy": 0.5},
    config={SCRIPT: SCRIPT},
    evaluation=evaluation,
    phases={SCRIPT: 1},
  )
  text, _ = page_of(run, shown, name=SCRIPT)
  document = Document(text)
  assert "<script" not in text.lower() and "script" not in dict(document.tags)
  # A name of the run, a language, a pair, a query and what it found, a config, a phase.
  assert document.texts.count(SCRIPT) >= 10
  for part in (f"Suite {SCRIPT}", f"{SCRIPT} (2)", f"Over the steps: {SCRIPT}", f"· {SCRIPT}, 2"):
    assert any(part in shown for shown in document.texts), part
  assert any(
    attributes.get("alt") == f"{SCRIPT} of each language" for _, attributes in document.tags
  )
