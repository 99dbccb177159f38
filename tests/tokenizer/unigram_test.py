"""The vocabulary: its reserved ids, its sample, and that two libraries read it as one."""

from collections import Counter
import json
import shutil
import types

import numpy as np
import pytest
import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer

from labse_jax import vocabulary as command
from labse_jax.base.errors import InputError, run
from labse_jax.data import sampling
from labse_jax.data.dataset import open_dataset
from labse_jax.data.sources import Pair
from labse_jax.tokenizer import unigram
from labse_jax.tokenizer.tokenizer import Tokenizer as OurTokenizer
from tests.support.odd_text import fuzzed
from tests.support.tiny import write_dataset


class FakeSource:
  """Texts that say which example they are."""

  def __getitems__(self, indices):
    return [{"source": f"s{i}", "target": f"t{i}"} for i in indices]


def fake_dataset(*counts):
  bounds = np.cumsum([0, *counts])
  groups = {f"eng-{n}": np.arange(*bounds[n : n + 2]) for n in range(len(counts))}
  return types.SimpleNamespace(indices_by_language=groups, source=FakeSource(), monolingual=False)


def test_reserved_ids_and_what_transformers_needs(tiny_vocabulary):
  tokenizer = Tokenizer.from_file(str(tiny_vocabulary / "tokenizer.json"))
  assert tokenizer.get_vocab_size() == 1000
  assert [tokenizer.id_to_token(i) for i in range(5)] == [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
  ]
  assert tokenizer.encode("\U0001f9ff").ids[-2:] == [1, 3]  # What is not in it is unk.
  assert tokenizer.encode("a", "b").ids.count(3) == 2
  settings = json.loads((tiny_vocabulary / "tokenizer_config.json").read_text())
  assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"
  names = ("pad", "unk", "cls", "sep", "mask", "bos", "eos")
  assert [settings[f"{name}_token"] for name in names] == [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "[CLS]",
    "[SEP]",
  ]


def test_both_libraries_give_the_same_ids_on_every_line(tiny_vocabulary, real_lines):
  assert unigram.disagreements(tiny_vocabulary, real_lines) == []
  assert unigram.disagreements(tiny_vocabulary, list(fuzzed(3000))) == []


def test_disagreements_are_found(tiny_vocabulary):
  assert unigram.disagreements(tiny_vocabulary, ["a [SEP] b", "a b"]) == ["a [SEP] b"]


def test_ties_are_broken_alike(tmp_path, tiny_vocabulary, real_lines):
  # "ⴰⴰⴰ" is "ⴰ", "ⴰⴰ" or "ⴰⴰ", "ⴰ"; the real words before it leave a sum that float32 rounds.
  proto = sentencepiece_model_pb2.ModelProto.FromString(
    (tiny_vocabulary / "sentencepiece.model").read_bytes()
  )
  rng = np.random.default_rng(0)
  for piece in proto.pieces[5:]:
    piece.score += rng.normal() / 1000  # As training leaves them.
  for piece, text, score in ((-1, "ⴰ", -4.1234567), (-2, "ⴰⴰ", -5.7654321)):
    proto.pieces[piece].piece, proto.pieces[piece].score = text, score
  lines = [f"{line} ⴰⴰⴰ ⴰⴰⴰⴰⴰ" for line in real_lines]
  unigram.export(proto.SerializeToString(), tmp_path)
  assert unigram.disagreements(tmp_path, lines), "these lines show nothing"
  unigram.export(unigram.with_exact_scores(proto.SerializeToString()), tmp_path)
  assert unigram.disagreements(tmp_path, lines) == []


def test_sums_of_scores_are_exact_in_float32(tiny_vocabulary):
  proto = sentencepiece_model_pb2.ModelProto.FromString(
    (tiny_vocabulary / "sentencepiece.model").read_bytes()
  )
  scores = np.array([piece.score for piece in proto.pieces])
  assert len(np.unique(scores)) > 100
  order = np.random.default_rng(0).integers(0, len(scores), 4000)
  assert np.cumsum(scores[order], dtype=np.float32)[-1] == np.sum(scores[order], dtype=np.float64)


def test_normalise_is_nfkc_and_folds_white_space():
  assert unigram.normalise(" ﬁ\u3000①\t\n x\u2581y ") == "fi 1 x y"
  assert unigram.normalise("") == unigram.normalise(" \u2028") == ""


@pytest.mark.parametrize("exponent", [0.3, 1.0])
def test_the_sample_follows_the_exponent_and_repeats_nothing(exponent):
  dataset = fake_dataset(1_000, 32_000, 100_000)
  sample = list(sampling.smoothed_sample(dataset, exponent=exponent, size=1_500))
  assert len(set(sample)) == len(sample)
  edges = [1_000, 33_000]
  got = Counter(int(np.searchsorted(edges, int(text[1:]), "right")) for text in sample)
  shares = np.array([1_000, 32_000, 100_000.0]) ** exponent
  np.testing.assert_allclose([got[n] for n in range(3)], 1_500 * shares / shares.sum(), atol=2.5)
  # Within a language the draw is even: the mean index is the middle.
  own = [int(text[1:]) for text in sample if int(text[1:]) >= 33_000]
  assert abs(np.mean(own) - 83_000) < 4 * 100_000 / np.sqrt(12 * len(own) / 2)


def test_the_sample_is_the_same_again_and_another_with_another_seed():
  def draw(seed):
    return list(sampling.smoothed_sample(fake_dataset(500, 900), exponent=0.3, size=100, seed=seed))

  assert draw(0) == draw(0) != draw(1)


def test_a_small_language_gives_all_it_has():
  sample = list(sampling.smoothed_sample(fake_dataset(3, 5_000), exponent=0.0, size=1_000))
  assert {f"{side}{i}" for side in "st" for i in range(3)} <= set(sample)


def test_an_empty_dataset_gives_an_empty_sample():
  assert list(sampling.smoothed_sample(fake_dataset(), exponent=0.3, size=100)) == []


def test_training_is_deterministic(real_lines):
  assert unigram.train_unigram(real_lines, 800) == unigram.train_unigram(real_lines, 800)


@pytest.mark.parametrize(
  ("sentences", "size", "reason"),
  [
    (["hello world"] * 50, 5_000, "Vocabulary size too high"),
    (["hello world, how are you"] * 50, 9, "smaller than required_chars"),
    ([], 100, "no text"),
  ],
)
def test_a_size_that_cannot_be_is_one_line(sentences, size, reason):
  with pytest.raises(InputError, match=reason) as caught:
    unigram.train_unigram(sentences, size)
  assert "\n" not in str(caught.value) and ".cc" not in str(caught.value)


def test_a_sample_of_documents_is_lines(tmp_path):
  texts = [
    [f"{language} {n} {i}" for i in range(20)]
    for language in ("eng", "deu")
    for n in range(30 if language == "deu" else 3)
  ]
  write_dataset(tmp_path / "d", [Pair(t[0][:3], "", "-", "\n".join(t), "") for t in texts])

  def draw():
    return list(sampling.smoothed_sample(open_dataset(tmp_path / "d"), exponent=0.0, size=60))

  sample = draw()
  assert draw() == sample and len(set(sample)) == len(sample)
  assert set(sample) <= {line for text in texts for line in text}
  # Thirty lines of each language, of as many documents as it has: one of each, or ten.
  assert Counter(tuple(line.split()[:2]) for line in sample) == {
    **{("deu", f"{n}"): 1 for n in range(30)},
    **{("eng", f"{n}"): 10 for n in range(3)},
  }
  dataset = open_dataset(tmp_path / "d")

  def draw(seed):
    return list(sampling.smoothed_sample(dataset, exponent=0.0, size=90, seed=seed))

  sizes = [len(draw(seed)) for seed in range(9)]
  assert 85 < np.mean(sizes) < 95  # Half of the German documents give one line, half give two.
  assert any(line.endswith(" 19") for line in sample), "only the documents' first lines"


def command_on(folder, lines, *options):
  write_dataset(folder / "data", [Pair("eng", "deu", "-", a, b) for a, b in lines])
  with pytest.raises(SystemExit) as caught:
    run(command.main, ["--data", f"{folder / 'data'}", "--output", f"{folder / 'v'}", *options])
  return caught.value.code


@pytest.fixture(scope="module")
def real_pairs(real_lines):
  return list(zip(real_lines[::2], real_lines[1::2], strict=False))


def test_the_command_writes_a_vocabulary(tmp_path, real_pairs, capsys):
  assert command_on(tmp_path, real_pairs, "--size", "700") == 0
  assert "disagree on 0" in capsys.readouterr().out
  report = json.loads((tmp_path / "v" / "vocabulary.json").read_text())
  assert report["size"] == 700 and report["disagreements"] == 0 and report["kind"] == "unigram"
  processor = sentencepiece.SentencePieceProcessor(
    model_file=str(tmp_path / "v" / "sentencepiece.model")
  )
  assert len(processor) == 700


def test_the_command_writes_wordpieces_over_what_it_wrote(tmp_path, real_pairs, capsys):
  assert command_on(tmp_path, real_pairs, "--size", "700") == 0
  options = ("--size", "900", "--kind", "wordpiece")
  assert command_on(tmp_path, real_pairs, *options) == 0
  assert "900 wordpiece pieces" in capsys.readouterr().out
  names = ["tokenizer.json", "tokenizer_config.json", "vocab.txt"]
  assert sorted(p.name for p in (tmp_path / "v").iterdir()) == [*names, "vocabulary.json"]
  report = json.loads((tmp_path / "v" / "vocabulary.json").read_text())
  assert report["kind"] == "wordpiece" and "disagreements" not in report
  assert len(OurTokenizer(tmp_path / "v" / "tokenizer.json")) == 900
  before = [(tmp_path / "v" / name).read_bytes() for name in names]
  assert command_on(tmp_path, real_pairs, *options) == 0
  assert [(tmp_path / "v" / name).read_bytes() for name in names] == before
  assert command_on(tmp_path, real_pairs, "--size", "700") == 0
  assert not (tmp_path / "v" / "vocab.txt").exists()


@pytest.mark.parametrize("kind", ["unigram", "wordpiece"])
def test_the_command_replaces_no_model_and_no_dataset(tmp_path, tiny_folder, kind, capsys):
  lines = [("Hello world", "Hallo Welt")] * 30
  for name in ("model", "saved", "bert"):
    shutil.copytree(tiny_folder, tmp_path / name)
  (tmp_path / "saved" / "vocabulary.json").touch()  # A model saved beside its tokenizer.
  (tmp_path / "bert" / "vocab.txt").touch()
  (tmp_path / "bert" / "sentencepiece.model").touch()
  for name, reason in (
    ("model", "other files"),
    ("saved", "also a model"),
    ("bert", "other files"),
    ("data", "other files"),
  ):
    options = ("--size", "30", "--kind", kind, "--output", f"{tmp_path / name}")
    assert command_on(tmp_path, lines, *options) == 2
    assert reason in capsys.readouterr().err
    assert (tmp_path / name / ("dataset_info.json" if name == "data" else "modules.json")).exists()


@pytest.mark.parametrize(
  ("lines", "size", "reason"),
  [
    ([("Hello world", "Hallo Welt")], "9000", "too high"),
    ([("Hello world", "Hallo Welt")], "7", "at least 8"),
    ([("Hello world", "Hallo Welt")], "8", "smaller than required_chars"),
  ],
)
def test_the_command_on_bad_input(tmp_path, lines, size, reason, capfd):
  (tmp_path / "v").mkdir()
  (tmp_path / "v" / "vocabulary.json").touch()
  assert command_on(tmp_path, lines, "--size", size) == 2
  error = capfd.readouterr().err
  assert error.startswith("labse-jax: ") and error.count("\n") == 1 and reason in error
  assert [p.name for p in (tmp_path / "v").iterdir()] == ["vocabulary.json"]


def test_the_command_without_a_dataset(tmp_path, capsys):
  with pytest.raises(SystemExit) as caught:
    run(command.main, ["--data", str(tmp_path), "--size", "100", "--output", f"{tmp_path}/v"])
  assert caught.value.code == 2 and "not a dataset folder" in capsys.readouterr().err
