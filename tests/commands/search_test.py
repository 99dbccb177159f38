"""The command search, with a made-up encoder; its oracle is NumPy in float64."""

import gzip
import itertools
import pathlib
import subprocess
import sys
import types

import numpy as np
import pytest

from labse_jax import search
from labse_jax.base import errors
from labse_jax.neighbours import exact
from tests.support.places import ROOT

LINES = [f"line {number}" for number in range(12)]
QUERIES = ["where", "when", "who"]
VECTORS = dict(zip([*LINES, *QUERIES], np.random.default_rng(3).normal(size=(15, 6)), strict=True))


def unit_vectors(texts):
  x_ND = np.array([VECTORS[text.strip()] for text in texts])
  return x_ND / np.linalg.norm(x_ND, axis=1, keepdims=True)


class FakeEncoder:
  """A random vector for each text; it remembers what it was called with."""

  calls = []
  prompts = {}

  @classmethod
  def load(cls, folder, **options):
    if folder == "broken":
      raise errors.InputError("broken: is not a model folder.")
    cls.calls = [("load", folder, options)]
    return cls()

  def role_prompt(self, role):
    return self.prompts.get(role)

  def encode(self, sentences, *, normalize_embeddings, prompt, **options):
    assert normalize_embeddings
    self.calls.append((sentences, prompt))
    return unit_vectors(sentences).astype(np.float32)


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
  """command("--k", 2, ...) -> (exit status, rows of stdout, stderr), in a folder with lines.txt."""
  module = types.SimpleNamespace(SentenceEncoder=FakeEncoder)
  monkeypatch.setitem(sys.modules, "labse_jax.encoding.sentence_encoder", module)
  monkeypatch.setattr(FakeEncoder, "calls", [])
  monkeypatch.setattr(FakeEncoder, "prompts", {})
  monkeypatch.chdir(tmp_path)
  (tmp_path / "lines.txt").write_text("\n".join(LINES) + "\n")
  (tmp_path / "queries.txt").write_text("\n".join(QUERIES) + "\n")

  def call(*words):
    with pytest.raises(SystemExit) as status:
      errors.run(search.main, [str(word) for word in words])
    said = capsys.readouterr()
    return status.value.code, rows_of(said.out), said.err

  return call


def rows_of(text):
  return [tuple(line.split("\t")) for line in text.splitlines()]


def store(lines):
  """Writes lines.npy and lines.txt; the vector of a blank line is one of zeros."""
  np.save("lines.npy", [unit_vectors([line])[0] if line else np.zeros(6) for line in lines])
  np.save("lines.npy", 3 * np.load("lines.npy").astype(np.float32))  # Of any length.
  with open("lines.txt", "w") as file:
    file.writelines(f"{line}\n" for line in lines)


def nearest(queries, lines, k):
  """What the command should print, by brute force."""
  scores_QN = unit_vectors(queries) @ unit_vectors(lines).T
  for query, scores_N in zip(queries, scores_QN, strict=True):
    for row in np.argsort(-scores_N)[:k]:
      yield (f"{scores_N[row]:.4f}", query, lines[row], str(row + 1))


def similar(lines, k):
  """The same for the pairs of one list."""
  scores_NN = unit_vectors(lines) @ unit_vectors(lines).T
  np.fill_diagonal(scores_NN, -2)
  pairs = set()
  for row, other in itertools.product(range(len(lines)), range(k)):
    pairs.add(tuple(sorted((row, int(np.argsort(-scores_NN[row])[other])))))
  for i, j in sorted(pairs, key=lambda pair: -scores_NN[pair]):
    yield (f"{scores_NN[i, j]:.4f}", lines[i], lines[j], str(i + 1), str(j + 1))


def test_each_query_gets_its_nearest_lines(command):
  status, rows, error = command(
    "--model", "m", "--input", "lines.txt", "--queries", "queries.txt", "--k", 4
  )
  assert (status, error) == (0, "")
  assert rows == list(nearest(QUERIES, LINES, 4))


def test_queries_of_the_command_line_go_to_a_file(command):
  given = ("--query", "who", "--query", "where", "--query", " who ")
  status, rows, _ = command("--model", "m", "--input", "lines.txt", *given, "--output", "o/f.tsv")
  assert (status, rows) == (0, [("o/f.tsv: 10 rows.",)])
  with open("o/f.tsv") as file:
    assert rows_of(file.read()) == list(nearest(["who", "where"], LINES, 5))


def test_without_queries_the_similar_pairs_are_found(command):
  status, rows, _ = command("--model", "m", "--input", "lines.txt", "--k", 3)
  assert status == 0
  assert rows == list(similar(LINES, 3))
  _, most, _ = command("--model", "m", "--input", "lines.txt", "--k", 11)
  assert len(most) == 12 * 11 / 2


@pytest.mark.parametrize("queries", [(), ("--queries", "queries.txt")])
def test_a_threshold_drops_what_is_below(command, queries):
  words = ("--model", "m", "--input", "lines.txt", *queries)
  _, everything, _ = command(*words)
  _, rows, _ = command(*words, "--threshold", 0.3)
  assert rows == [row for row in everything if float(row[0]) >= 0.3]
  assert 0 < len(rows) < len(everything)


def test_blank_and_equal_lines_count_once_and_numbers_are_of_the_file(command, tmp_path):
  text = "\nline 0\n\u200b\nline 1\nline 0\u200e\nline 2"
  (tmp_path / "few.txt.gz").write_bytes(gzip.compress(text.encode()))
  _, rows, _ = command("--model", "m", "--input", "few.txt.gz", "--query", "who", "--k", 3)
  assert {row[2:] for row in rows} == {("line 0", "2"), ("line 1", "4"), ("line 2", "6")}
  _, rows, _ = command("--model", "m", "--input", "few.txt.gz", "--k", 2)
  assert {row[3:] for row in rows} == {("2", "4"), ("2", "6"), ("4", "6")}


def test_a_tab_in_a_text_makes_no_column(command, monkeypatch):
  monkeypatch.setitem(VECTORS, "a\tb\nc", np.ones(6))
  _, rows, _ = command("--model", "m", "--input", "lines.txt", "--query", "a\tb\nc", "--k", 1)
  assert [row[1] for row in rows] == ["a b c"]
  assert len(rows[0]) == 4


def test_stored_vectors_are_not_encoded_again(command):
  lines = [*LINES[:3], "", LINES[0], f" {LINES[3]}"]
  store(lines)
  _, rows, _ = command("--model", "m", "--input", "lines.npy", "--query", "who", "--k", 4)
  assert FakeEncoder.calls[1:] == [(["who"], None)]
  number_of = {"1": "1", "2": "2", "3": "3", "4": "6"}
  expected = nearest(["who"], LINES[:4], 4)
  assert rows == [(*row[:3], number_of[row[3]]) for row in expected]


def test_stored_queries_need_no_model(command):
  store(LINES)
  for ending in ("npy", "txt"):
    pathlib.Path(f"lines.{ending}").rename(f"all.{ending}")
  store(LINES[:2])
  status, rows, _ = command("--input", "all.npy", "--queries", "lines.npy", "--k", 3)
  assert (status, FakeEncoder.calls) == (0, [])
  assert rows == list(nearest(LINES[:2], LINES, 3))


def test_pairs_of_stored_vectors_need_no_model(command):
  store(LINES)
  status, rows, _ = command("--input", "lines.npy", "--k", 2)
  assert (status, FakeEncoder.calls) == (0, [])
  assert rows == list(similar(LINES, 2))


@pytest.mark.parametrize(
  "prompts, words, of_query",
  [
    ({}, (), None),
    ({"query": "q: "}, (), "q: "),
    ({"query": "q: "}, ("--query-prompt", "ask: "), "ask: "),
    ({"query": "q: "}, ("--query-prompt", ""), ""),
  ],
)
def test_queries_have_a_prompt_of_their_own(command, monkeypatch, prompts, words, of_query):
  monkeypatch.setattr(FakeEncoder, "prompts", prompts)
  options = ("--prompt", "p: ", "--dtype", "bfloat16")
  command("--model", "m", "--input", "lines.txt", "--query", "who", *options, *words)
  load, lines, queries = FakeEncoder.calls
  assert load == ("load", "m", {"dtype": "bfloat16"})
  assert lines == (LINES, "p: ")
  assert queries == (["who"], of_query)


@pytest.mark.parametrize(
  "words, of_lines",
  [
    (("--query", "who"), "passage: "),
    (("--query", "who", "--prompt", "p: "), "p: "),
    ((), None),  # Without queries it is the default prompt's turn.
  ],
)
def test_lines_that_are_searched_in_have_a_prompt_of_their_own(
  command, monkeypatch, words, of_lines
):
  monkeypatch.setattr(FakeEncoder, "prompts", {"query": "q: ", "document": "passage: "})
  command("--model", "m", "--input", "lines.txt", *words)
  assert FakeEncoder.calls[1] == (LINES, of_lines)


MODEL = ("--model", "m")
INPUT = ("--input", "lines.txt")
STORED = ("--input", "lines.npy")
QUERY = ("--query", "who")


@pytest.mark.parametrize(
  "words, message",
  [
    (MODEL, "--input is missing"),
    (INPUT, "--model is missing; only vectors that are stored in .npy files need none."),
    ((*STORED, *QUERY), "--model is missing"),
    ((*MODEL, "--input", "none.txt"), "none.txt: no such file"),
    ((*MODEL, "--input", "empty.txt", *QUERY), "empty.txt: is empty"),
    ((*MODEL, "--input", "one.txt"), "one.txt: has one distinct line"),
    ((*MODEL, *INPUT, "--queries", "empty.txt"), "empty.txt: is empty"),
    ((*MODEL, *INPUT, "--queries", "q", *QUERY), "--queries and --query cannot both be given"),
    ((*MODEL, *INPUT, "--query", " "), "--query is empty"),
    ((*MODEL, *INPUT, "--query", "\udcff"), "--query \\udcff: Unicode text is needed"),
    ((*MODEL, *INPUT, *QUERY, "--k", 13), "--k 13: 1 to 12 is allowed; lines.txt has 12 distinct"),
    ((*MODEL, *INPUT, *QUERY, "--k", 0), "--k 0: 1 to 12 is allowed"),
    ((*MODEL, *INPUT, "--k", 12), "--k 12: 1 to 11 is allowed; lines.txt has 11 others"),
    ((*MODEL, *INPUT, "--threshold", "nan"), "--threshold nan: a finite number"),
    ((*MODEL, *INPUT, "--query-prompt", "q: "), "--query-prompt needs queries"),
    ((*MODEL, *STORED, *QUERY, "--prompt", "p: "), "--prompt: lines.npy holds the lines' vectors"),
    ((*MODEL, *STORED, *QUERY), "Queries have 6 dimensions, candidates 4"),
    ((*MODEL, "--input", "short.npy", *QUERY, "--k", 1), "short.npy has 2 rows and short.txt 1"),
    (("--model", "broken", *INPUT), "broken: is not a model folder"),
    ((*MODEL, *INPUT, "--output", "."), ".: is a folder; a file is needed"),
    ((*MODEL, *INPUT, "--output", "lines.txt"), "lines.txt: is an input"),
    ((*STORED, "--output", "lines.txt"), "lines.txt: is an input"),
    ((*MODEL, *INPUT, "--queries", "empty.txt", "--output", "empty.txt"), "is an input"),
  ],
)
def test_wrong_input_is_one_line_and_nothing_is_printed(command, tmp_path, words, message):
  np.save("lines.npy", np.ones((12, 4), np.float32))
  np.save("short.npy", np.ones((2, 6), np.float32))
  (tmp_path / "short.txt").write_text("line 0\n")
  (tmp_path / "one.txt").write_text("line 0\nline 0\n")
  (tmp_path / "empty.txt").write_text("\n")
  before = {path: path.read_bytes() for path in tmp_path.iterdir()}
  status, rows, error = command(*words)
  assert (status, rows) == (2, [])
  assert message in error and error.count("\n") == 1
  assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_reader_of_a_pipe_may_leave(tmp_path):
  rng = np.random.default_rng(0)
  lines = "".join(f"{'long ' * 50}{number}\n" for number in range(500))
  (tmp_path / "v.txt").write_text(lines)
  np.save(tmp_path / "v.npy", rng.normal(size=(500, 4)).astype(np.float32))
  words = [sys.executable, "-m", "labse_jax.search", "--input", tmp_path / "v.npy"]
  pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
  process = subprocess.Popen(words, cwd=ROOT, text=True, **pipes)
  assert process.stdout.readline().count("\t") == 4
  process.stdout.close()
  assert process.stderr.read() == ""
  process.stderr.close()
  assert process.wait() == 0


def test_the_help_does_not_wait_for_jax():
  code = (
    "import sys; from labse_jax import search\n"
    "try: search.main(['--help'])\n"
    "except SystemExit: pass\n"
    "assert 'jax' not in sys.modules\n"
  )
  done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
  assert (done.returncode, done.stderr) == (0, "")
  assert "--query-prompt" in done.stdout


def test_the_functions_for_python_are_those_of_the_exact_search():
  assert (search.top_k, search.top_k_both) == (exact.top_k, exact.top_k_both)
  with pytest.raises(AttributeError, match="no attribute 'top_q'"):
    search.top_q  # noqa: B018
