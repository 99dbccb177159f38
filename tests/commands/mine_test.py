"""`mine`: the command as a person runs it, against the model's own vectors."""

import functools
import gzip
import json
import re
import signal

import numpy as np
import pytest

from labse_jax import mine
from labse_jax.base import errors
from labse_jax.data.filters import language_id, writing_systems
from labse_jax.encoding import chunked_encoder
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.mining import calibration, vectors_beside
from labse_jax.mining.texts import read_text
from labse_jax.neighbours import exact, margin
from labse_jax.neighbours import state as search_state
from labse_jax.neighbours.exact import top_k_both
from tests.commands.mine_flags_test import command_line


@pytest.fixture
def texts(tmp_path, real_lines):
  """Two files of which the last lines are variants of each other; some lines are blank or twice."""
  shared = [line for line in real_lines if 15 < len(line) < 40][:40]
  source = [real_lines[0], "", *real_lines[200:230], *shared, real_lines[0], f" {shared[0]} "]
  target = [*(f"{line} ..." for line in shared), shared[3], "", *real_lines[300:340]]
  (tmp_path / "a.deu").write_text("\n".join(source), "utf-8")
  (tmp_path / "b.eng.gz").write_bytes(gzip.compress("\n".join(target).encode()))
  return source, target


@pytest.fixture
def command(tiny_folder, texts, tmp_path, monkeypatch, capsys):
  """command("--k", 2, ...) -> (exit status, what was printed); the output is tmp_path / "out"."""
  monkeypatch.setattr(chunked_encoder, "CHUNK", 16)

  def call(*words):
    folder = {"--source": tmp_path / "a.deu", "--target": tmp_path / "b.eng.gz"}
    folder |= {"--model": tiny_folder, "--output": tmp_path / "out"}
    with pytest.raises(SystemExit) as status:
      errors.run(mine.main, command_line(folder, *words))
    return status.value.code, capsys.readouterr()

  return call


def rows_of(tmp_path):
  lines = (tmp_path / "out").read_text("utf-8").splitlines()
  return [(float(score), *sides) for score, *sides in (line.split("\t") for line in lines)]


def expected(texts, encoder, **options):
  """[(score, source, target)] by the library, of the distinct lines."""
  sides = [list(dict.fromkeys(line.strip() for line in side if line.strip())) for side in texts]
  vectors = [encoder.encode(side, normalize_embeddings=True) for side in sides]

  def allowed(n, m):
    return np.array([sides[0][i] != sides[1][j] for i, j in zip(n, m, strict=True)])

  found = margin.candidates(*vectors, k=4, allowed=allowed, **options)
  return [(score, sides[0][n], sides[1][m]) for n, m, score in zip(*found, strict=True)]


def same(rows, wanted):
  assert {row[1:] for row in rows} == {row[1:] for row in wanted} and len(rows) == len(wanted)
  np.testing.assert_allclose([row[0] for row in rows], [row[0] for row in wanted], atol=2e-6)


@pytest.mark.heavy
def test_pairs_of_a_search_in_int8(command, texts, tiny_encoder, tmp_path, monkeypatch):
  given = []  # Scores are float32's, so that pairs do not tell how they were searched for.

  def noted(*arguments, **options):
    given.append(options)
    return top_k_both(*arguments, **options)

  monkeypatch.setattr(exact, "top_k_both", noted)
  assert command("--search", "int8")[0] == 0
  assert given == [{"dtype": "int8", "state": tmp_path / "out.vectors" / "search"}]
  search = functools.partial(top_k_both, dtype="int8")
  same(rows_of(tmp_path), expected(texts, tiny_encoder, search=search))


@pytest.mark.heavy
def test_few_lines_are_too_few_for_an_index(command, tmp_path, monkeypatch):
  pytest.importorskip("faiss", reason="faiss is an extra")
  monkeypatch.setattr(
    vectors_beside, "vectors_beside", None
  )  # It is said before anything is encoded.
  status, said = command("--search", "faiss")
  assert status == 2 and "a.deu: has 71 distinct lines; an index needs 10,000 or more" in said.err
  assert not (tmp_path / "out").exists()


@pytest.mark.heavy
def test_the_recall_of_an_index_is_said(command, texts, tiny_encoder, tmp_path, monkeypatch):
  pytest.importorskip("faiss", reason="faiss is an extra")
  from labse_jax.neighbours import approximate

  def found(*arguments):
    return approximate.Found(*top_k_both(*arguments), 0.9, 0.8765)

  monkeypatch.setattr(approximate, "top_k_both", found)
  monkeypatch.setattr(approximate, "FEWEST", 1)
  status, said = command("--search", "faiss")
  assert status == 0 and "found 90.00% of the 4 nearest of the source's lines, 87.65%" in said.out
  same(rows_of(tmp_path), expected(texts, tiny_encoder))


def test_pairs_are_written_best_first(command, texts, tiny_encoder, tmp_path):
  status, said = command()
  rows = rows_of(tmp_path)
  same(rows, expected(texts, tiny_encoder))
  assert status == 0 and f"{len(rows)} pairs of 71 and 81 distinct lines." in said.out
  assert all(len(set(column)) == len(rows) for column in list(zip(*rows, strict=True))[1:])
  assert [row[0] for row in rows] == sorted((row[0] for row in rows), reverse=True)
  found = sum(f"{source} ..." == target for _, source, target in rows)
  assert found > 20 and not any(source == target for _, source, target in rows)
  assert sorted(path.name for path in tmp_path.iterdir()) == ["a.deu", "b.eng.gz", "out"]


def test_options_reach_the_search(command, texts, tiny_encoder, tmp_path):
  wanted = expected(texts, tiny_encoder, margin="distance", retrieval="union")
  middle = (wanted[19][0] + wanted[20][0]) / 2
  _, said = command("--margin", "distance", "--retrieval", "union", "--threshold", middle)
  assert "as --threshold" not in said.out  # It is chosen already.
  assert len(wanted) > 71
  same(rows_of(tmp_path), wanted[:20])


def test_filters_leave_pairs_out(command, tmp_path):
  command("--max-ratio", 1, "--min-characters", 20)
  for _, source, target in rows_of(tmp_path):
    short, long = sorted((len(source), len(target)))
    assert 20 <= long <= short + 10


def test_what_the_filters_refused_is_said(command, texts, tmp_path):
  (tmp_path / "a.deu").write_text("\n".join([*texts[0], *texts[1][60:65]]), "utf-8")
  copies = len({line.strip() for line in [*texts[0], *texts[1][60:65]] if line} & set(texts[1]))
  _, said = command()  # A copy is the nearest of all, so that no pair of copies is missed.
  assert copies >= 5
  assert said.out.splitlines()[1] == f"Candidate pairs refused: identical sides: {copies}."
  _, said = command("--max-ratio", 1, "--min-characters", 30)
  others = r"under 30 characters: \d+, one side over 1 times longer: \d+\."
  assert re.search(f"identical sides: {copies}, {others}", said.out)


def test_lines_in_the_wrong_script_and_language_are_left_out(command, tmp_path, monkeypatch):
  """By a made-up judge of languages, whom only lines of an even length please."""
  monkeypatch.setattr(language_id, "foreign_to", lambda _: lambda text: len(text) % 2 > 0)
  _, said = command("--one-script", "--language-id")
  for column, path in ((1, "a.deu"), (2, "b.eng.gz")):
    chosen = [row[column] for row in rows_of(tmp_path)]
    lines = read_text(tmp_path / path).lines
    foreign = np.array(lines)[writing_systems.foreign(lines)]
    assert len(foreign) and not set(foreign) & set(chosen)
    assert chosen and not any(len(text) % 2 for text in chosen)
  assert re.search(r"its side's script: \d+, not in its side's language: \d+\.\n", said.out)


def test_given_pairs_are_scored_in_order(command, texts, tiny_encoder, tmp_path):
  lines = [f"{line.strip()} ...".strip() for line in texts[0]]
  (tmp_path / "b.eng.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
  status, said = command("--score-only", "--format", "jsonl")
  assert "as --threshold" not in said.out
  rows = [json.loads(line) for line in (tmp_path / "out").read_text("utf-8").splitlines()]
  assert status == 0 and [row["source"] for row in rows] == [line.strip() for line in texts[0]]
  assert [row["target"] for row in rows] == lines
  assert [row["source_line"] for row in rows] == list(range(1, len(rows) + 1))
  assert (rows[0]["source_language"], rows[0]["target_language"]) == ("deu", "eng")
  distinct = [list(dict.fromkeys(side)) for side in ([line.strip() for line in texts[0]], lines)]
  x_ND, y_MD = (tiny_encoder.encode(side, normalize_embeddings=True) for side in distinct)
  cosine = x_ND.astype(float) @ y_MD.T
  mean_x, mean_y = np.sort(cosine, 1)[:, -4:].mean(1), np.sort(cosine, 0)[-4:].mean(0)
  wanted = cosine.diagonal() / (mean_x + mean_y) * 2
  wanted = dict(zip(distinct[0], wanted, strict=True))
  wanted = [wanted[row["source"]] for row in rows]
  np.testing.assert_allclose([row["score"] for row in rows], wanted, atol=2e-6)


@pytest.mark.heavy
@pytest.mark.parametrize("chunks", [0, 2, 6])
def test_a_killed_run_goes_on_to_the_same_bytes(command, tmp_path, monkeypatch, chunks):
  command()
  whole = (tmp_path / "out").read_bytes()
  (tmp_path / "out").unlink()
  original = SentenceEncoder.encode_counted
  calls = []
  allowed_calls = chunks

  def stopping(self, *arguments, **options):
    calls.append(1)
    if len(calls) > allowed_calls:
      raise KeyboardInterrupt
    return original(self, *arguments, **options)

  monkeypatch.setattr(SentenceEncoder, "encode_counted", stopping)
  assert command()[0] == 130 and not (tmp_path / "out").exists()
  allowed_calls = 100
  calls.clear()
  assert command()[0] == 0 and (tmp_path / "out").read_bytes() == whole
  assert len(calls) == 5 + 6 - chunks  # Of 71 and 81 lines; what was done was not done again.
  assert not (tmp_path / "out.vectors").exists()


def test_a_run_killed_in_its_search_goes_on(command, tmp_path, monkeypatch):
  command()
  whole = (tmp_path / "out").read_bytes()
  monkeypatch.setattr(search_state, "SECONDS", 0)
  with monkeypatch.context() as patch:
    patch.setattr(exact, "_finished", lambda *_: signal.raise_signal(signal.SIGINT))
    assert command()[0] == 130
  assert (tmp_path / "out.vectors" / "search" / search_state.FILE).exists()
  monkeypatch.setattr(exact, "_search_block", None)  # No block is searched again.
  assert command()[0] == 0 and (tmp_path / "out").read_bytes() == whole


@pytest.mark.parametrize(
  "words, message",
  [
    (["--k", 82], "a.deu: has 71 distinct lines; --k 82 needs 82 or more."),
    (["--precision", 0.9, "--gold", "nowhere.tsv"], "nowhere.tsv: no such file."),
    (["--precision", 0.9, "--gold", "a.deu"], "a.deu:1: columns: 1; source, tab, target"),
    (["--precision", 0.9, "--k", 71], "71 distinct lines; --k 71 with --precision needs 72"),
    (["--score-only"], "a.deu has 74 lines and"),
    (["--source-language", "germn"], "Unknown language 'germn'; did you mean German (deu)?"),
    (["--source", "nowhere.txt"], "nowhere.txt: no such file."),
    (["--source", "EMPTY"], "EMPTY: is empty; one sentence a line is needed."),
    (["--output", "EMPTY/out", "--source", "EMPTY"], "EMPTY: is empty"),
    (["--output", "a.deu"], "a.deu: is an input; name another file for the output."),
    (["--output", "."], "is a folder; a file is needed."),
    (["--format", "moses", "--output", "a", "--target-language", "fra"], "a.deu: is an input"),
    (["--format", "moses", "--target-language", "deu"], "both are 'deu'"),
    (["--model", "nowhere"], "nowhere"),
  ],
)
def test_wrong_input_is_one_line_and_writes_nothing(command, tmp_path, monkeypatch, words, message):
  monkeypatch.chdir(tmp_path)
  (tmp_path / "EMPTY").write_text("\n \n")
  before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
  status, said = command(*words)
  assert status == 2 and message in said.err and said.err.count("\n") == 1, said.err
  assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.heavy
def test_a_precision_finds_the_threshold(command, texts, tiny_encoder, tmp_path, monkeypatch):
  """With fewer gold pairs than are believed outside of a test, near copies among them."""
  monkeypatch.setattr(calibration, "FEWEST", 15)
  calibrated = calibration.calibrated
  monkeypatch.setattr(
    calibration, "calibrated", lambda *sides, copied, **o: calibrated(*sides, **o)
  )
  gold = [(line, f"{line} ...") for line in dict.fromkeys(texts[0][32:72])]
  (tmp_path / "gold.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in gold[:20]), "utf-8")
  words = ("--precision", 0.6, "--gold", tmp_path / "gold.tsv", "--report", tmp_path / "page.html")
  status, said = command(*words)
  assert status == 0, said.err
  rows = rows_of(tmp_path)
  everything = expected(texts, tiny_encoder)
  same([row[:3] for row in rows], everything[: len(rows)])
  precisions = [float(row[3]) for row in rows]
  assert precisions == sorted(precisions, reverse=True) and 0.6 <= precisions[-1] <= 1
  assert 0 < len(rows) < len(everything)
  assert f"Threshold {rows[-1][0]:.4f}: by the estimate {precisions[-1]:.1%} of" in said.out
  assert "surely at least the 60.0% that was asked for" in said.out
  assert said.out.endswith("page.html: the page about it.\n")
  assert "a.deu and b.eng.gz" in (tmp_path / "page.html").read_text("utf-8")


@pytest.mark.heavy
def test_a_precision_that_cannot_be_told_is_no_success(command, texts, tiny_encoder, tmp_path):
  """The pairs are there as without a threshold, and the exit status is its own."""
  # Of lines with a near copy, which make no decoys.
  (tmp_path / "gold.tsv").write_text(f"{texts[0][40]}\t{texts[0][40]} ...\n", "utf-8")
  page = tmp_path / "page.html"
  words = ("--precision", 0.9, "--gold", tmp_path / "gold.tsv", "--report", page)
  status, said = command(*words)
  assert status == mine.NOT_REACHED == 3
  rows = rows_of(tmp_path)
  same(rows, expected(texts, tiny_encoder))
  (warning,) = said.err.splitlines()
  assert "could not be estimated: only 0 pairs are sure to be right" in warning
  assert f"All {len(rows)} pairs are written, best first, without the column" in warning
  assert f"{page} is not written" in warning and not page.exists()
  assert "as --threshold" in said.out


def test_a_precision_out_of_reach_keeps_the_estimates(command, tmp_path, monkeypatch):
  def calibrated(x_ND, y_MD, **options):
    rows_P = np.arange(3)
    score_P = np.array([1.3, 1.2, 1.1])
    one_P = np.ones(3)
    return calibration.Calibration(rows_P, rows_P, score_P, one_P, one_P, one_P / 2, (score_P,) * 2)

  monkeypatch.setattr(calibration, "calibrated", calibrated)
  status, said = command("--precision", 0.9, "--report", tmp_path / "page.html")
  assert status == mine.NOT_REACHED
  assert [row[3] for row in rows_of(tmp_path)] == ["0.5000"] * 3
  assert "--precision 0.9: no threshold is sure to reach 0.9" in said.err
  assert "none</b><span>threshold" in (tmp_path / "page.html").read_text("utf-8")


def test_a_table_of_scores_helps_to_choose_a_threshold(command, tmp_path):
  _, said = command()
  rows = rows_of(tmp_path)
  lines = said.out.splitlines()
  assert f"{rows[-1][0]:.4f}{len(rows):>9}" in lines[-2] and "as --threshold" in lines[-1]


def test_gold_pairs_must_be_lines_of_the_texts(command, tmp_path):
  (tmp_path / "gold.tsv").write_text("no such line\tnor this\n")
  status, said = command("--precision", 0.9, "--gold", tmp_path / "gold.tsv")
  assert status == 2 and "gold.tsv:1: 'no such line' is not a line of --source." in said.err
  assert not (tmp_path / "out").exists()
