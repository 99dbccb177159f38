"""The sections of a run's page, by what they read and what they show."""

import pytest

from labse_jax.pages import run as run_sections
from tests.support.html_document import Document


def metric(value):
  return {"value": value, "low": value - 0.1, "high": value + 0.1}


@pytest.fixture
def drawn(monkeypatch):
  """What `training` gives to the wide chart: a list of (panels, borders)."""
  charts = []

  def curves(panels, borders, width=None):
    if not width:
      charts.append((panels, borders))
    return b""

  monkeypatch.setattr(run_sections.plots, "curves", curves)
  return charts


def test_values_that_are_not_finite_are_not_drawn():
  log = [{"step": 1, "loss": 2.0}, {"step": 2, "loss": float("nan")}, {"step": 3, "loss": None}]
  assert run_sections.series([*log, {"step": 4}, {"step": 5, "loss": metric(1.0)}], "loss") == (
    [1, 5],
    [2.0, 1.0],
  )


def test_a_run_that_does_not_grow_has_no_borders():
  assert run_sections.stage_borders([{"step": 1, "loss": 2.0}]) == []


def test_borders_of_stages_are_where_the_model_grew(drawn):
  log = [{"step": n, "stage": 1 + (n >= 4) + (n >= 8), "loss": 1.0} for n in range(10)]
  log.insert(6, {"step": 5, "tatoeba/accuracy": 0.5})  # An evaluation's line names no stage.
  assert run_sections.stage_borders(log) == [4, 8]
  page = "".join(run_sections.training(log, False, {}))
  assert [borders for _, borders in drawn] == [[4, 8]] and "the model grows" in page


def test_the_first_panels_are_drawn_and_one_test_gives_its_name(drawn):
  row = {"step": 3, "loss": 1.0, "learning_rate": 0.1, "grad_norm": 2.0, "tokens_per_second": 9.0}
  row |= {"tatoeba/accuracy": metric(0.5), "tatoeba/pairs": 7, "masked_accuracy": None}
  images = {}
  run_sections.training([row], False, images)
  ((panels, _),) = drawn
  assert list(panels) == ["Loss", "tatoeba/accuracy", "Learning rate", "Tokens per second"]
  assert panels["tatoeba/accuracy"] == {"tatoeba/accuracy": ([3], [0.5])}
  assert images == {"training": b""}


def test_several_tests_share_a_panel(drawn):
  run_sections.training([{"step": 1, "a/accuracy": 0.5, "b/accuracy": 0.25}], False, {})
  ((panels, _),) = drawn
  assert list(panels["Tests during training"]) == ["a/accuracy", "b/accuracy"]


def test_nothing_to_draw_is_said(drawn):
  page = "".join(run_sections.training([{"step": 1, "loss": None}], True, {}))
  assert "holds no value that could be drawn" in page and "was cut short" in page
  assert drawn == []


@pytest.mark.parametrize(
  ("row", "shown"),
  [
    ({"sentences_per_second": 1234.5, "tokens_per_second": 9.0}, ["1,234", "sentences per second"]),
    ({"tokens_per_second": 9.0}, ["9", "tokens per second"]),
    ({"loss": 0.5, "masked_accuracy": 0.25}, ["0.250", "of the masked words found"]),
  ],
)
def test_the_main_figures_are_those_that_were_logged(row, shown):
  texts = Document("".join(run_sections.overview([{"step": 6} | row], None))).texts
  assert texts[texts.index("training steps") - 1] == "7"
  assert texts[-2:] == shown


def test_a_config_is_flat_text():
  config = {"seed": 7, "model": {"width": 8, "more": {}}, "stages": [[1, 2], [3]], "init": None}
  assert run_sections.flat(config) == {
    "seed": "7",
    "model.width": "8",
    "model.more": "none",
    "stages": "1, 2, 3",
    "init": "none",
  }


def test_phases_stand_with_their_sum():
  assert run_sections.phases({}) == []
  head, table = run_sections.phases({"corpus": 4, "train": 1_020})
  assert "Seconds by phase" in head
  assert "<td>1,020</td>" in table and "<td>1,024</td>" in table
