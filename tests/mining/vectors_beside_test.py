"""Vectors that are kept until the output is written."""

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.mining.texts import read_text
from labse_jax.mining.vectors_beside import Encoding, folder_of, vectors_beside


class Broken(Exception):
  pass


@pytest.fixture
def paths(tmp_path, real_lines):
  """The files of the two sides, the second of them with a line twice."""
  sides = (real_lines[:5], [*real_lines[5:9], real_lines[5]])
  for name, lines in zip("xy", sides, strict=True):
    (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), "utf-8")
  return [tmp_path / "x", tmp_path / "y"]


@pytest.fixture
def beside(tmp_path, paths, tiny_folder, tiny_encoder):
  """beside(prompt="...") -> the context of both texts' vectors."""

  def call(**options):
    texts = [read_text(path) for path in paths]
    encoding = Encoding(
      tiny_encoder,
      tiny_folder,
      dtype=options.get("dtype", "float32"),
      prompt=options.get("prompt"),
    )
    score_only = options.get("score_only", False)
    return vectors_beside(tmp_path / "out", texts, encoding, score_only=score_only)

  return call


def left_by_a_killed_run(beside, **options):
  with pytest.raises(Broken), beside(**options):
    raise Broken


def test_they_are_unit_vectors_of_the_distinct_lines_and_gone_in_the_end(
  beside, paths, tiny_encoder, tmp_path
):
  with beside() as (x_ND, y_MD):
    for found, path in ((x_ND, paths[0]), (y_MD, paths[1])):
      wanted = tiny_encoder.encode(read_text(path).lines, normalize_embeddings=True)
      np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert len(y_MD) == 4
  assert not folder_of(tmp_path / "out").exists()


def test_two_runs_do_not_share_them(beside):
  with beside() as (x_ND, _):
    with pytest.raises(InputError, match="out: another process is writing"), beside(prompt="q: "):
      pass
    assert np.isfinite(x_ND).all()


def test_what_a_killed_run_left_is_gone_on_with(beside, monkeypatch, tiny_encoder):
  left_by_a_killed_run(beside)
  monkeypatch.setattr(type(tiny_encoder), "encode", None)  # Nothing is encoded again.
  with beside() as (x_ND, _):
    assert len(x_ND) == 5


@pytest.mark.parametrize(
  "options", [{"prompt": "query: "}, {"dtype": "bfloat16"}, {"score_only": True}]
)
def test_what_a_run_of_other_settings_left_is_not_used(beside, tmp_path, options):
  left_by_a_killed_run(beside)
  (folder_of(tmp_path / "out") / "source.npy").write_bytes(b"not to be read")
  with beside(**options) as (x_ND, _):
    assert len(x_ND) == 5


def test_what_a_run_of_another_text_left_is_not_used(beside, paths):
  left_by_a_killed_run(beside)
  paths[0].write_text("one\ntwo\n")
  with beside() as (x_ND, _):
    assert len(x_ND) == 2


def test_a_text_that_changed_after_it_was_read_is_not_used(
  tmp_path, paths, tiny_folder, tiny_encoder
):
  encoding = Encoding(tiny_encoder, tiny_folder, dtype="float32", prompt=None)

  def vectors_of(texts):
    return vectors_beside(tmp_path / "out", texts, encoding, score_only=False)

  texts = [read_text(path) for path in paths]
  paths[0].write_text("one\ntwo\n")
  with pytest.raises(Broken), vectors_of(texts):
    raise Broken
  with vectors_of([read_text(path) for path in paths]) as (x_ND, _):
    wanted = tiny_encoder.encode(["one", "two"], normalize_embeddings=True)
    np.testing.assert_allclose(x_ND, wanted, atol=1e-6)


def test_strangers_files_are_not_removed(beside, tmp_path):
  thesis = tmp_path / "out.vectors" / "thesis.txt"
  thesis.parent.mkdir()
  thesis.write_text("years of work")
  with pytest.raises(InputError, match=r"holds other files \(and no of.json\)"), beside():
    pass
  assert thesis.exists()
