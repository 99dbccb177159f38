"""The command encode, as a person runs it."""

import dataclasses
import errno
import itertools

import numpy as np
import pytest

from labse_jax import encode, model_folder
from labse_jax.base.errors import run
from labse_jax.encoding import chunked_encoder, streaming
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from tests.support.uneven_lines import uneven_lines


@pytest.fixture
def lines(real_lines):
  return uneven_lines(real_lines)


@pytest.fixture
def text(tmp_path, lines, monkeypatch):
  """A file of `lines` on chunks of 10: eight chunks, the last one of two lines."""
  monkeypatch.setattr(chunked_encoder, "CHUNK", 10)
  path = tmp_path / "in.txt"
  path.write_text("\n".join(lines), "utf-8")
  return path


def command(model, source, output, *options):
  with pytest.raises(SystemExit) as caught:
    run(
      encode.main,
      ["--model", f"{model}", "--input", f"{source}", "--output", f"{output}", *options],
    )
  return caught.value.code


def test_the_command(tiny_folder, tiny_encoder, text, lines, tmp_path, capsys):
  assert command(tiny_folder, text, tmp_path / "o.npy", "--prompt", "so: ") == 0
  said = capsys.readouterr()
  assert said.out.endswith("o.npy: 72 x 32 float32, with the prompt 'so: ' before each line.\n")
  assert f"{said.out}{said.err}".count(" cut") == 1
  expected = tiny_encoder.encode(lines, prompt="so: ", warn=False)
  np.testing.assert_allclose(np.load(tmp_path / "o.npy"), expected, atol=1e-6)


@pytest.mark.heavy
def test_the_prompt_in_use_is_said_where_there_is_one(tiny_content, tiny_folder, tmp_path, capsys):
  (tmp_path / "in.txt").write_text("a\n")
  content = dataclasses.replace(tiny_content, prompts={"query": "query: "}, default_prompt="query")
  model_folder.write(tmp_path / "m", content)
  assert command(tmp_path / "m", tmp_path / "in.txt", tmp_path / "o.npy") == 0
  assert "float32, with the prompt 'query: ' before each line.\n" in capsys.readouterr().out
  assert command(tiny_folder, tmp_path / "in.txt", tmp_path / "o.npy") == 0
  assert capsys.readouterr().out.endswith("1 x 32 float32.\n")


@pytest.mark.heavy
def test_bfloat16_is_near(tiny_folder, tiny_encoder, text, lines, tmp_path):
  assert command(tiny_folder, text, tmp_path / "o.npy", "--precision", "bfloat16") == 0
  got, expected = np.load(tmp_path / "o.npy"), tiny_encoder.encode(lines, warn=False)
  assert 0.99 < (got * expected).sum(1).min() < 1 - 1e-6


def test_a_full_disk_leaves_the_old_output(tiny_folder, text, tmp_path, monkeypatch, capsys):
  output = tmp_path / "out.npy"
  output.write_bytes(b"old")

  class Full:
    def __init__(self, file):
      self.file = file

    def write(self, _):
      raise OSError(errno.ENOSPC, "No space left on device")

    def __enter__(self):
      return self

    def __exit__(self, *_):
      self.file.close()

  def opened(path, mode="r", **options):
    file = open(path, mode, **options)  # noqa: SIM115
    return Full(file) if str(path).endswith(".partial") and mode == "ab" else file

  monkeypatch.setattr(streaming, "open", opened, raising=False)
  assert command(tiny_folder, text, output) == 2
  assert capsys.readouterr().err == f"labse-jax: {output}: No space left on device\n"
  assert output.read_bytes() == b"old"
  monkeypatch.undo()
  assert command(tiny_folder, text, output) == 0
  assert np.load(output).shape == (72, 32)


@pytest.mark.parametrize(
  ("content", "message"),
  [
    (None, "no such file"),
    (b"", "is empty"),
    (b"a\nb\n\xff\xfe\n", r"in.txt:3: not UTF-8"),
    ("folder", "is a folder"),
  ],
)
def test_bad_input_is_one_line(tiny_folder, tmp_path, content, message, capsys):
  source, output = tmp_path / "in.txt", tmp_path / "o.npy"
  output.write_bytes(b"old")
  if content == "folder":
    source.mkdir()
  elif content is not None:
    source.write_bytes(content)
  assert command(tiny_folder, source, output) == 2
  error = capsys.readouterr().err
  assert message in error and error.count("\n") == 1
  assert output.read_bytes() == b"old" and not list(tmp_path.glob("*.partial*"))


def test_other_bad_arguments_are_one_line(tiny_folder, text, tmp_path, capsys):
  assert command(tmp_path / "nothing", text, tmp_path / "o.npy") == 2
  assert "no such folder" in capsys.readouterr().err
  assert command(tmp_path / "nothing", text, tmp_path / "o.txt") == 2
  assert "o.txt: vectors are written to a .npy file" in capsys.readouterr().err
  assert command(tiny_folder, text, tmp_path) == 2
  assert "is a folder" in capsys.readouterr().err
  assert command(tiny_folder, text, tmp_path / "o.npy", "--prompt", "a\udcff") == 2
  assert "--prompt a\\udcff: Unicode text is needed" in capsys.readouterr().err
  assert not list(tmp_path.glob("o.npy*"))


def test_ctrl_c_is_130_without_a_traceback_and_can_go_on(
  tiny_folder, text, tmp_path, monkeypatch, capsys
):
  plain, calls = SentenceEncoder.encode_counted, itertools.count()

  def interrupted(self, *args, **options):
    if next(calls) == 3:
      raise KeyboardInterrupt
    return plain(self, *args, **options)

  monkeypatch.setattr(SentenceEncoder, "encode_counted", interrupted)
  assert command(tiny_folder, text, tmp_path / "o.npy") == 130
  kept = "30 of 72 lines are kept. The same command goes on from here."
  assert capsys.readouterr().err == f"labse-jax: interrupted; {kept}\n"
  assert command(tiny_folder, text, tmp_path / "o.npy") == 0
  assert next(calls) == 3 + 1 + 5  # The first three chunks were not encoded again.
