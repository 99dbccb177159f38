"""The files of BUCC's shared task."""

import pytest

from labse_jax.base.errors import InputError
from labse_jax.evaluation import bucc_files
from tests.support.suites import write_bucc


def test_sentences_are_unified_and_pairs_are_rows(tmp_path):
  write_bucc(
    tmp_path, [("x3", "y1"), ("x1", "y3"), ("x1", "y1")], de=["a", "b", "a\tc"], en=["A", "", "A"]
  )
  task = bucc_files.read_task(tmp_path, "de", "training")
  assert task == ([(2, 0), (0, 0)], ["a", "b", "a\tc"], ["A", ""])
  assert bucc_files.languages_in(tmp_path) == ["de"]


@pytest.mark.parametrize(
  "name, text, message",
  [
    ("de", "x1\ta\nx2 b\n", "training.de:2: has no tab; id, tab, sentence"),
    ("en", "y1\ta\ny1\tb\n", "training.en:2: the id 'y1' stands there twice"),
    ("gold", "x1\ty1\nx9\ty1\n", "training.gold:2: 'x9' is the id of no foreign sentence"),
    ("gold", "x1\tx1\n", "training.gold:1: 'x1' is the id of no English sentence"),
    ("gold", "x1 y1\n", "training.gold:1: has 1 columns; id, tab, id"),
    ("gold", "", "training.gold: is empty"),
    ("en", "", "training.en: is empty"),
    ("en", b"\xff\t", "training.en:1: not UTF-8"),
    ("en", None, "training.en: no such file"),
  ],
)
def test_files_that_do_not_fit_are_named(tmp_path, name, text, message):
  write_bucc(tmp_path, [("x1", "y1")], de=["a"], en=["A"])
  path = tmp_path / f"de-en.training.{name}"
  if text is None:
    path.unlink()
  else:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
  with pytest.raises(InputError) as error:
    bucc_files.read_task(tmp_path, "de", "training")
  assert message in str(error.value)


def test_folders_that_do_not_fit_are_named(tmp_path):
  with pytest.raises(InputError, match="nowhere: no such folder"):
    bucc_files.languages_in(tmp_path / "nowhere")
  with pytest.raises(InputError, match=r"holds no file named XX-en\.training\.gold"):
    bucc_files.languages_in(tmp_path)
