"""`extend`: the command as a person runs it; what was there stays bit for bit."""

import dataclasses
import json

import numpy as np
import pytest

from labse_jax import extend, model_folder
from labse_jax.base import errors
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.tokenizer.tokenizer import Tokenizer

WORDS = ["ⴰⵣⵓⵍ", "ⵜⴰⵎⴰⵣⵉⵖⵜ", "fezzetru", "waggulimp"]


@pytest.fixture(scope="module", params=["tiny_vocabulary", "tiny_wordpiece"])
def model(request, tmp_path_factory, tiny_content):
  """A model folder with a masked-LM head."""
  rng = np.random.default_rng(0)

  def drawn(*shape):
    return rng.normal(size=shape).astype(np.float32)

  head = {
    "transform": {"kernel": drawn(32, 32), "bias": drawn(32)},
    "norm": {"scale": drawn(32), "bias": drawn(32)},
    "output_bias": drawn(1024),
  }
  path = tmp_path_factory.mktemp("extend") / "model"
  model_folder.write(
    path,
    dataclasses.replace(
      tiny_content,
      params=tiny_content.params | {"masked_lm": head},
      tokenizer_file=request.getfixturevalue(request.param) / "tokenizer.json",
    ),
  )
  return path


@pytest.fixture
def text(tmp_path):
  rng = np.random.default_rng(0)
  lines = [" ".join(rng.choice(WORDS, rng.integers(2, 9))) for _ in range(300)]
  (tmp_path / "new.txt").write_text("\n".join([*lines[:99], "", *lines[99:]]), "utf-8")
  return tmp_path / "new.txt"


@pytest.fixture
def command(model, text, tmp_path, capsys):
  """command(pieces=9) -> (exit status, the output folder, what was printed)."""

  def call(**flags):
    flags = {"model": model, "text": text, "pieces": 60, "output": tmp_path / "out"} | flags
    with pytest.raises(SystemExit) as status:
      errors.run(extend.main, [str(p) for name, v in flags.items() for p in (f"--{name}", v)])
    return status.value.code, tmp_path / "out", capsys.readouterr()

  return call


def test_old_rows_are_byte_equal_and_new_ones_the_mean_of_their_parts(command, model):
  status, output, _ = command()
  assert status == 0
  old, new = (model_folder.read(path, pretraining=True) for path in (model, output))
  facts = json.loads((output / "new_pieces.json").read_text("utf-8"))
  tokenizers = [Tokenizer(content.tokenizer_file) for content in (old, new)]
  assert facts["first_id"] == 1000 and len(tokenizers[1]) == 1000 + len(facts["pieces"])
  assert new.model == old.model | {"vocab_size": 1000 + len(facts["pieces"])}
  for part, name in (("bert", "word_embedding"), ("masked_lm", "output_bias")):
    before, after = old.params[part][name], new.params[part][name]
    assert before[:1000].tobytes() == after[:1000].tobytes()
    for i, (piece, parts) in enumerate(facts["pieces"].items(), 1000):
      assert tokenizers[1].backend.token_to_id(piece) == i
      ids = [tokenizers[0].backend.token_to_id(one) for one in parts]
      np.testing.assert_allclose(after[i], before[ids].mean(0), atol=1e-6)


def test_vectors_of_text_without_new_pieces_are_the_same_to_the_bit(command, model, real_lines):
  _, output, _ = command()
  old, new = SentenceEncoder.load(model), SentenceEncoder.load(output)
  ids = new.tokenizer.encode_whole(real_lines)
  lines = [line for line, ids_L in zip(real_lines, ids, strict=True) if ids_L.max() < 1000][:100]
  assert len(lines) == 100
  assert np.array_equal(old.encode(lines), new.encode(lines))
  changed = old.encode(" ".join(WORDS)) - new.encode(" ".join(WORDS))
  assert np.abs(changed).max() > 1e-3


def test_what_it_does_for_the_text_is_measured_and_said(command, model, text):
  _, output, said = command()
  facts = json.loads((output / "new_pieces.json").read_text("utf-8"))
  lines = [line for line in text.read_text("utf-8").split("\n") if line]
  for when, path in (("before", model), ("after", output)):
    ids = Tokenizer(model_folder.describe(path).tokenizer_file).encode_whole(lines)
    tokens = np.concatenate([one[1:-1] for one in ids])
    assert facts[when]["tokens_per_line"] == len(tokens) / 300
    unknown = (tokens == 1).mean()
    assert facts[when]["unknown_share"] == pytest.approx(unknown)
    assert f"{when}: {len(tokens) / 300:.2f} tokens per line, {unknown:.2%} of" in said.out
  assert facts["after"]["unknown_share"] == 0 < facts["before"]["unknown_share"]
  assert facts["after"]["tokens_per_line"] < facts["before"]["tokens_per_line"]
  count = len(facts["pieces"])
  card = (output / "README.md").read_text("utf-8")
  assert f"labse_jax added {count:,} word pieces to " in card
  assert f"| tokens of a line, after | {facts['after']['tokens_per_line']:.2f}, " in card
  assert f"{count} new pieces, ids 1,000 to {999 + count:,}." in said.out and said.err == ""


def test_rows_that_no_piece_had_are_given_up(command, model, tmp_path):
  content = model_folder.read(model)
  content.model["vocab_size"] = 1020  # As multilingual E5 has 35 rows more than ids.
  model_folder.write(tmp_path / "spare", content)
  _, output, _ = command(model=tmp_path / "spare", pieces=13)
  pieces = json.loads((output / "new_pieces.json").read_text("utf-8"))["pieces"]
  assert model_folder.describe(output).model["vocab_size"] == 1000 + len(pieces) < 1020
  assert SentenceEncoder.load(output).tokenizer.encode_whole(["ⴰⵣ"])[0].max() >= 1000


def test_wrong_input_is_one_line_and_writes_nothing(command, model, tmp_path):
  (tmp_path / "empty").write_text("\n")
  (tmp_path / "full").mkdir()
  (tmp_path / "full" / "thesis.txt").write_text("ten years of work")
  content = model_folder.read(model)
  content.model["vocab_size"] = 900
  model_folder.write(tmp_path / "short", content)
  for flags, message in (
    ({"text": tmp_path / "none"}, "none: no such file or folder"),
    ({"text": tmp_path / "empty"}, "o piece"),
    ({"pieces": 0}, "--pieces 0: at least 1"),
    ({"model": tmp_path / "full"}, "not a model folder"),
    ({"model": tmp_path / "short"}, "has the ids 0 to 999, the model has 900 rows"),
    ({"output": tmp_path / "full"}, "holds other files (and no new_pieces.json)"),
    ({"output": model}, "holds other files (and no new_pieces.json)"),
  ):
    status, output, said = command(**flags)
    assert status == 2 and message in said.err and said.err.count("\n") == 1, said.err
    assert not output.exists() and said.out == ""
