"""Sentences to vectors: in order, the same however they are batched, resumed and split."""

import dataclasses
import errno
import gzip
import itertools
import json
import subprocess
import sys
import weakref

import jax
import numpy as np
import pytest

from labse_jax import encode, model_folder
from labse_jax.base.errors import InputError, run
from labse_jax.base.sharding import make_mesh
from labse_jax.encoding import sentence_encoder, streaming
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.models import heads


@pytest.fixture
def lines(real_lines):
  """Lines of all lengths, one of them empty and one far longer than the model takes."""
  rng = np.random.default_rng(0)
  joined = [" ".join(rng.choice(real_lines, rng.integers(1, 12))) for _ in range(70)]
  return [*joined[:35], "", "y " * 99, *joined[36:], "x " * 200]


def test_a_string_gives_a_vector_and_a_list_a_matrix(tiny_encoder):
  one, two = tiny_encoder.encode("Hello"), tiny_encoder.encode(["Hello", "Bonjour"])
  assert one.shape == (32,) and two.shape == (2, 32) and one.dtype == two.dtype == np.float32
  np.testing.assert_allclose(two[0], one, atol=1e-6)
  empty = tiny_encoder.encode([], normalize_embeddings=True, truncate_dim=8)
  assert empty.shape == (0, 8) and tiny_encoder.encode([]).shape == (0, 32)
  assert tiny_encoder.encode(iter(["Hello"])).shape == (1, 32)


def test_order_is_kept_and_batches_change_nothing(tiny_encoder, lines):
  together = tiny_encoder.encode(lines)
  apart = np.stack([tiny_encoder.encode(line) for line in lines])
  np.testing.assert_allclose(together, apart, atol=1e-6)
  for batch_size in (1, 7, 64):
    np.testing.assert_allclose(
      tiny_encoder.encode(lines, batch_size=batch_size), together, atol=1e-6
    )
  assert np.abs(together[:-1] - together[1:]).max(1).min() > 1e-3  # No two neighbours are one.


def test_chunks_of_sentences_change_nothing(tiny_encoder, lines, monkeypatch):
  whole = tiny_encoder.encode(lines)
  monkeypatch.setattr(sentence_encoder, "CHUNK", 7)
  np.testing.assert_allclose(tiny_encoder.encode(lines), whole, atol=1e-6)


def test_one_device_and_eight_give_the_same(tiny_content, lines):
  module = heads.build(tiny_content.model, tiny_content.head)
  tokenizer = sentence_encoder.Tokenizer(tiny_content.tokenizer_file)
  vectors = [
    SentenceEncoder(
      module,
      tiny_content.params,
      tokenizer,
      max_length=64,
      mesh=make_mesh(devices=jax.devices()[:count]),
    ).encode(lines)
    for count in (1, 8)
  ]
  assert jax.device_count() == 8
  np.testing.assert_allclose(*vectors, atol=1e-6)


def test_a_default_prompt_that_is_not_there_is_said(tiny_content, tmp_path):
  content = dataclasses.replace(tiny_content, prompts={"query": "q: "}, default_prompt="passage")
  model_folder.write(tmp_path / "m", content)
  with pytest.raises(InputError, match="default_prompt_name is 'passage'; one of .'query'"):
    SentenceEncoder.load(tmp_path / "m")


def test_the_input_is_never_written_over(tiny_encoder, tmp_path):
  path = tmp_path / "lines.txt"
  path.write_text("one\ntwo\n")
  with pytest.raises(InputError, match="is the input"):
    encode_file(tiny_encoder, path, path)
  assert path.read_text() == "one\ntwo\n"


def test_normalisation_and_truncation_as_in_sentence_transformers(tmp_path, with_head, lines):
  model_folder.write(tmp_path / "m", with_head("mean", 0, False))
  encoder = SentenceEncoder.load(tmp_path / "m")
  plain = encoder.encode(lines)
  assert np.ptp(np.linalg.norm(plain, axis=1)) > 0.01
  np.testing.assert_allclose(encoder.encode(lines, truncate_dim=5), plain[:, :5], atol=1e-6)
  cut = plain[:, :5] / np.linalg.norm(plain[:, :5], axis=1, keepdims=True)
  got = encoder.encode(lines, truncate_dim=5, normalize_embeddings=True)
  np.testing.assert_allclose(got, cut, atol=1e-6)


def test_the_default_prompt_is_applied_and_can_be_replaced(tmp_path, tiny_content, tiny_encoder):
  content = dataclasses.replace(
    tiny_content, prompts={"query": "query: ", "other": "o "}, default_prompt="query"
  )
  model_folder.write(tmp_path / "m", content)
  encoder = SentenceEncoder.load(tmp_path / "m")
  for prompt, text in ((None, "query: Hello"), ("", "Hello"), ("say: ", "say: Hello")):
    got = encoder.encode("Hello", prompt=prompt)
    np.testing.assert_allclose(got, tiny_encoder.encode(text), atol=1e-6)


def test_cut_sentences_are_counted_and_said_once(tiny_encoder, lines, monkeypatch, capsys):
  monkeypatch.setattr(sentence_encoder, "CHUNK", 5)
  sentences = ["x " * 300, *lines[:20], "x " * 200]
  lengths = tiny_encoder.tokenizer.encode(sentences, 4096)[0]
  expected = sum(len(tokens) > 64 for tokens in lengths)
  assert expected >= 2
  vectors = tiny_encoder.encode(sentences)
  assert tiny_encoder.cut == expected
  said = f"labse-jax: {expected} of 22 sentences are longer than 64 tokens and were cut.\n"
  assert capsys.readouterr().err == said
  np.testing.assert_allclose(vectors[0], vectors[-1], atol=1e-6)  # The same first 62 tokens.
  tiny_encoder.encode("short")
  assert tiny_encoder.cut == 0 and capsys.readouterr().err == ""


def test_progress_is_shown_only_on_demand(tiny_encoder, capsys):
  tiny_encoder.encode(["a"])
  assert capsys.readouterr().err == ""
  tiny_encoder.encode(["a"], show_progress_bar=True)
  assert "1/1" in capsys.readouterr().err


def with_limit(content, positions, max_length):
  model = dict(content.model, positions=positions)
  module = heads.build(model, content.head)
  params = jax.jit(lambda key: heads.init(module, key))(jax.random.key(0))
  tokenizer = sentence_encoder.Tokenizer(content.tokenizer_file)
  return SentenceEncoder(module, params, tokenizer, max_length=max_length)


def test_at_most_nine_compilations(tiny_content):
  encoder = with_limit(tiny_content, 600, 600)
  assert encoder.row_lengths == (32, 128, 512, 600)
  for n in (1, 5, 50, 31, 100, 101, 300, 2000):
    encoder.encode(["x " * n, *["y"] * (n // 10)])
  encoder.encode(["x"] * 3000)
  assert encoder._forward._cache_size() <= 3 + 3 + 2 + 1


def test_the_last_batch_is_no_larger_than_it_must_be(tiny_content, monkeypatch):
  encoder = with_limit(tiny_content, 64, 64)
  encoder.mesh = make_mesh(devices=jax.devices()[:1])
  seen = []

  def forward(_, tokens_BL, segments_BL, positions_BL, *, slots):
    seen.append(tokens_BL.shape)
    return np.zeros((len(tokens_BL), slots, 32), np.float32)

  monkeypatch.setattr(encoder, "_forward", forward)
  for count, rows in ((1, [2]), (2, [2]), (3, [8]), (9, [32]), (33, [32, 2]), (40, [32, 8])):
    seen.clear()
    encoder.encode(["x " * 14] * count)  # Each fills a row: a word is two pieces.
    assert seen == [(n, 32) for n in rows]
  seen.clear()
  encoder.encode(["x " * 30] * 17)
  assert seen == [(16, 64), (1, 64)]


@pytest.mark.parametrize(
  ("max_length", "rows"),
  [(3, (3,)), (31, (31,)), (32, (32,)), (33, (32, 33)), (128, (32, 128)), (512, (32, 128, 512))],
)
def test_row_lengths_ascend_to_the_limit(tiny_content, max_length, rows, monkeypatch):
  module = heads.build(dict(tiny_content.model, positions=512), tiny_content.head)
  tokenizer = sentence_encoder.Tokenizer(tiny_content.tokenizer_file)
  encoder = SentenceEncoder(module, None, tokenizer, max_length=max_length)
  assert encoder.row_lengths == rows
  seen = []

  def forward(_, tokens_BL, segments_BL, positions_BL, *, slots):
    seen.append((tokens_BL.shape[1], int(positions_BL.max()), int(segments_BL.max())))
    return np.zeros((len(tokens_BL), slots, 32), np.float32)

  monkeypatch.setattr(encoder, "_forward", forward)
  encoder.encode(["", "x", *("x " * n for n in (3, 20, 40, 130, 500, 700))])
  assert {length for length, _, _ in seen} == set(rows)
  assert max(position for _, position, _ in seen) == max_length - 1
  assert all(segment <= max(1, length // 4) for length, _, segment in seen)


@pytest.mark.parametrize("max_length", [0, 2, 65])
def test_a_limit_that_the_model_cannot_hold_is_refused(tiny_content, max_length):
  with pytest.raises(InputError, match=f"max_length = {max_length}: 3 to 64"):
    with_limit(tiny_content, 64, max_length)


@pytest.mark.parametrize(
  ("arguments", "options", "message"),
  [
    ([["a", None]], {}, "got NoneType"),
    ([[b"a"]], {}, "got bytes"),
    (["a"], {"truncate_dim": 0}, "truncate_dim = 0"),
    (["a"], {"batch_size": -1}, "batch_size"),
  ],
)
def test_arguments_that_cannot_be(tiny_encoder, arguments, options, message):
  with pytest.raises(InputError, match=message):
    tiny_encoder.encode(*arguments, **options)


# Files.


@pytest.fixture
def text(tmp_path, lines, monkeypatch):
  """A file of `lines` on chunks of 10: eight chunks, the last one of two lines."""
  monkeypatch.setattr(sentence_encoder, "CHUNK", 10)
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
  assert cut == tiny_encoder.cut > 1 and said.count("\n") == 1 and f"{cut} of 72" in said
  assert list(output.parent.iterdir()) == [output]


def test_a_compressed_file_gives_the_same_bytes(tiny_encoder, text, tmp_path):
  with gzip.open(tmp_path / "in.txt.gz", "wb") as file:
    file.write(text.read_bytes())
  encode_file(tiny_encoder, text, tmp_path / "a.npy")
  encode_file(tiny_encoder, tmp_path / "in.txt.gz", tmp_path / "b.npy")
  assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


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
  one = tiny_encoder.encode
  monkeypatch.setattr(streaming.files, "read_lines", read_lines)
  monkeypatch.setattr(
    tiny_encoder, "encode", lambda *a, **k: (most.append(len(alive)), one(*a, **k))[1]
  )
  encode_file(tiny_encoder, text, tmp_path / "o.npy")
  assert len(most) == 30 and max(most) <= 21


class Killed(BaseException):
  pass


@pytest.fixture
def kill_after(tiny_encoder, monkeypatch):
  """kill_after(n): the encoder dies at its n+1st call; returns the list of what it encoded."""
  plain = tiny_encoder.encode

  def after(count):
    encoded, calls = [], itertools.count()

    def dying(sentences, **options):
      if next(calls) == count:
        raise Killed
      encoded.extend(sentences)
      return plain(sentences, **options)

    monkeypatch.setattr(tiny_encoder, "encode", dying)
    return encoded

  return after


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


def command(model, source, output, *options):
  with pytest.raises(SystemExit) as caught:
    run(
      encode.main,
      ["--model", f"{model}", "--input", f"{source}", "--output", f"{output}", *options],
    )
  return caught.value.code


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


def test_the_command(tiny_folder, tiny_encoder, text, lines, tmp_path, capsys):
  assert command(tiny_folder, text, tmp_path / "o.npy", "--prompt", "so: ") == 0
  assert f"{tmp_path / 'o.npy'}: 72 x 32 float32" in capsys.readouterr().out
  expected = tiny_encoder.encode(lines, prompt="so: ", warn=False)
  np.testing.assert_allclose(np.load(tmp_path / "o.npy"), expected, atol=1e-6)


def test_bfloat16_is_near(tiny_folder, tiny_encoder, text, lines, tmp_path):
  assert command(tiny_folder, text, tmp_path / "o.npy", "--precision", "bfloat16") == 0
  got, expected = np.load(tmp_path / "o.npy"), tiny_encoder.encode(lines, warn=False)
  assert 0.99 < (got * expected).sum(1).min() < 1 - 1e-6


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
  assert command(tiny_folder, text, tmp_path) == 2
  assert "is a folder" in capsys.readouterr().err


def test_ctrl_c_is_130_without_a_traceback_and_can_go_on(
  tiny_folder, text, tmp_path, monkeypatch, capsys
):
  plain, calls = SentenceEncoder.encode, itertools.count()

  def interrupted(self, *args, **options):
    if next(calls) == 3:
      raise KeyboardInterrupt
    return plain(self, *args, **options)

  monkeypatch.setattr(SentenceEncoder, "encode", interrupted)
  assert command(tiny_folder, text, tmp_path / "o.npy") == 130
  assert capsys.readouterr().err == "labse-jax: interrupted\n"
  assert command(tiny_folder, text, tmp_path / "o.npy") == 0
  assert next(calls) == 3 + 1 + 5  # The first three chunks were not encoded again.


def test_no_torch_is_imported():
  code = (
    "import sys, pkgutil, importlib, labse_jax\n"
    "for m in pkgutil.walk_packages(labse_jax.__path__, 'labse_jax.'):\n"
    "  if not m.name.endswith(('__main__', '.mteb')): importlib.import_module(m.name)\n"
    "print([m for m in ('torch', 'transformers') if m in sys.modules])"
  )
  done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
  assert json.loads(done.stdout.replace("'", '"')) == []
