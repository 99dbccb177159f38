"""A file of lines to a file of vectors: resumed, and never half there."""

import gzip
import itertools
import os
import threading
import weakref

import numpy as np
import pytest

from labse_jax.base.errors import InputError
from labse_jax.base.writing.lock import locked
from labse_jax.encoding import chunked_encoder, streaming
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


def encode_file(encoder, source, output, model="m", **options):
  return streaming.encode_file(
    encoder, source, output, identity={"model": model}, progress=False, **options
  )


def test_a_file_gives_its_lines_vectors(tiny_encoder, text, lines, tmp_path, capsys):
  output = tmp_path / "new" / "out.npy"
  count, cut = encode_file(tiny_encoder, text, output)
  said = capsys.readouterr().err
  got = np.load(output)
  assert count == len(lines) == len(got) == 72 and got.dtype == np.float32
  np.testing.assert_allclose(got, tiny_encoder.encode(lines, warn=False), atol=1e-6)
  np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1, atol=1e-6)
  assert (
    cut == tiny_encoder.encode_counted(lines)[1] > 1
    and said.count("\n") == 1
    and f"{cut} of 72" in said
  )
  assert list(output.parent.iterdir()) == [output]


def test_two_of_them_do_not_write_one_output(tiny_encoder, text, tmp_path):
  output = tmp_path / "out.npy"
  partial = tmp_path / "out.npy.partial"
  partial.write_bytes(b"of the first")
  with locked(tmp_path / "out.npy.partial.lock", output):
    with pytest.raises(InputError, match=r"out\.npy: another process is writing"):
      encode_file(tiny_encoder, text, output)
  assert partial.read_bytes() == b"of the first"


def test_blank_lines_have_rows_too(tiny_encoder, tmp_path):
  lines = ["one", "", "\u200b", "\u3164 \ufeff", "two"]
  (tmp_path / "in.txt").write_text("\n".join(lines), "utf-8")
  assert encode_file(tiny_encoder, tmp_path / "in.txt", tmp_path / "out.npy") == (5, 0)
  got = np.load(tmp_path / "out.npy")
  np.testing.assert_allclose(got, tiny_encoder.encode(lines), atol=1e-6)
  np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1, atol=1e-6)


def test_a_compressed_file_gives_the_same_bytes(tiny_encoder, text, tmp_path):
  with gzip.open(tmp_path / "in.txt.gz", "wb") as file:
    file.write(text.read_bytes())
  encode_file(tiny_encoder, text, tmp_path / "a.npy")
  encode_file(tiny_encoder, tmp_path / "in.txt.gz", tmp_path / "b.npy")
  assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


def test_the_input_is_never_written_over(tiny_encoder, tmp_path):
  path = tmp_path / "lines.txt"
  path.write_text("one\ntwo\n")
  with pytest.raises(InputError, match="is the input"):
    encode_file(tiny_encoder, path, path)
  assert path.read_text() == "one\ntwo\n"


def test_the_bar_moves_with_each_batch(tiny_encoder, text, tmp_path, monkeypatch):
  plain, moves = streaming.console.progress, []

  def progress(**options):
    bar = plain(**options)
    monkeypatch.setattr(bar, "update", moves.append)
    return bar

  monkeypatch.setattr(streaming.console, "progress", progress)
  encode_file(tiny_encoder, text, tmp_path / "o.npy")
  assert sum(moves) == 72 and len(moves) > 8  # More often than once for each chunk.


@pytest.mark.parametrize(
  ("name", "options", "message"),
  [
    ("out.txt", {}, r"out.txt: vectors are written to a .npy file; name it .*out.txt.npy"),
    ("out.npy", {"prompt": "a\udcff"}, "prompt: 'a.udcff' is not Unicode text"),
  ],
)
def test_what_is_refused_leaves_no_file(tiny_encoder, text, tmp_path, name, options, message):
  with pytest.raises(InputError, match=message):
    encode_file(tiny_encoder, text, tmp_path / name, **options)
  assert list(tmp_path.iterdir()) == [text]


def test_lines_are_not_held(tiny_encoder, text, tmp_path, monkeypatch):
  class Line(str):
    __slots__ = ("__weakref__",)

  alive, most, plain = weakref.WeakSet(), [], streaming.files.read_lines

  def read_lines(*args, **options):
    for number, line in plain(*args, **options):
      line = Line(line)
      alive.add(line)
      yield number, line

  # Equal lines are one element of a set of strings.
  text.write_text("\n".join(f"line {n}" for n in range(300)))
  one = tiny_encoder.encode_counted
  monkeypatch.setattr(streaming.files, "read_lines", read_lines)
  monkeypatch.setitem(
    vars(tiny_encoder), "encode_counted", lambda *a, **k: (most.append(len(alive)), one(*a, **k))[1]
  )
  encode_file(tiny_encoder, text, tmp_path / "o.npy")
  assert len(most) == 30 and max(most) <= 21


def test_a_file_that_gets_shorter_gives_no_output(tiny_encoder, text, tmp_path, monkeypatch):
  whole = text.read_bytes()
  plain = tiny_encoder.encode_counted

  def cutting(sentences, **options):
    text.write_bytes(whole[:200])
    return plain(sentences, **options)

  monkeypatch.setitem(vars(tiny_encoder), "encode_counted", cutting)
  with pytest.raises(InputError, match="in.txt: was changed while it was read"):
    encode_file(tiny_encoder, text, tmp_path / "out.npy")
  assert list(tmp_path.iterdir()) == [text]


def test_a_pipe_gives_the_same_bytes(tiny_encoder, text, tmp_path):
  encode_file(tiny_encoder, text, tmp_path / "a.npy")
  pipe = tmp_path / "pipe"
  os.mkfifo(pipe)
  threading.Thread(target=pipe.write_bytes, args=(text.read_bytes(),), daemon=True).start()
  assert encode_file(tiny_encoder, pipe, tmp_path / "b.npy")[0] == 72
  assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


class Killed(BaseException):
  pass


@pytest.fixture
def kill_after(tiny_encoder, monkeypatch):
  """kill_after(n): the encoder dies at its n+1st call; returns the list of what it encoded."""
  plain = tiny_encoder.encode_counted

  def after(count):
    encoded, calls = [], itertools.count()

    def dying(sentences, **options):
      if next(calls) == count:
        raise Killed
      encoded.extend(sentences)
      return plain(sentences, **options)

    monkeypatch.setitem(vars(tiny_encoder), "encode_counted", dying)
    return encoded

  return after


@pytest.mark.heavy
@pytest.mark.parametrize("chunks", [0, 1, 4, 7])
@pytest.mark.parametrize("tear", [0, 1, 130, 1280, 2000])
def test_a_killed_run_goes_on_and_writes_the_same_bytes(
  tiny_encoder, text, lines, tmp_path, kill_after, capsys, chunks, tear
):
  expected = encode_file(tiny_encoder, text, tmp_path / "straight.npy")
  kill_after(chunks)
  with pytest.raises(Killed):
    encode_file(tiny_encoder, text, tmp_path / "out.npy")
  assert not (tmp_path / "out.npy").exists()
  partial = tmp_path / "out.npy.partial"
  partial.write_bytes(partial.read_bytes()[: partial.stat().st_size - tear])
  encoded = kill_after(-1)
  assert encode_file(tiny_encoder, text, tmp_path / "out.npy") == expected
  assert (tmp_path / "out.npy").read_bytes() == (tmp_path / "straight.npy").read_bytes()
  whole = max(0, chunks - -(-tear // 1280))
  assert encoded == lines[10 * whole :]
  assert "starting over" not in capsys.readouterr().err


def test_a_torn_note_costs_a_chunk(tiny_encoder, text, lines, tmp_path, kill_after):
  expected = encode_file(tiny_encoder, text, tmp_path / "straight.npy")
  kill_after(4)
  with pytest.raises(Killed):
    encode_file(tiny_encoder, text, tmp_path / "out.npy")
  note = tmp_path / "out.npy.partial.note"
  note.write_bytes(note.read_bytes()[:-1])
  encoded = kill_after(-1)
  assert encode_file(tiny_encoder, text, tmp_path / "out.npy") == expected
  assert encoded == lines[30:]
  assert (tmp_path / "out.npy").read_bytes() == (tmp_path / "straight.npy").read_bytes()


@pytest.mark.parametrize("what", ["input", "model", "note"])
def test_another_input_or_model_starts_over_and_says_so(
  tiny_encoder, text, tmp_path, kill_after, capsys, what
):
  kill_after(3)
  with pytest.raises(Killed):
    encode_file(tiny_encoder, text, tmp_path / "out.npy")
  if what == "input":
    text.write_text(text.read_text("utf-8").replace("x", "y", 1), "utf-8")
  if what == "note":
    (tmp_path / "out.npy.partial.note").write_text("")
  encoded = kill_after(-1)
  encode_file(tiny_encoder, text, tmp_path / "out.npy", model="n" if what == "model" else "m")
  assert len(encoded) == 72
  assert "is of another input or model; starting over." in capsys.readouterr().err
