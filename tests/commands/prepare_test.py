import contextlib
import importlib.util
import itertools
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile

import psutil
import pytest

from labse_jax import prepare
from labse_jax.base.errors import InputError
from labse_jax.base.workers import number_of_workers
from labse_jax.data.dataset import open_dataset
from labse_jax.data.filters import language_id
from labse_jax.data.sources import Pair
from labse_jax.data.text_hash import comparison_key

ENGLISH_GERMAN = ["--source-language", "en", "--target-language", "de"]
COLUMNS = ["--columns", "source_language,target_language,source,target"]


def rows_of(folder):
  source = open_dataset(folder).source
  return source.__getitems__(range(len(source)))


def tsv(path, *rows):
  path.write_text("".join("\t".join(row) + "\n" for row in rows), "utf-8")
  return str(path)


def tree(folder):
  files = (path for path in folder.rglob("*") if path.is_file())
  return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def command(*arguments, limit=None, **options):
  """The command in a process of its own, whose files may not grow beyond `limit` bytes."""
  code = "import resource, sys; from labse_jax.prepare import main, run;"
  if limit:
    code += f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit},) * 2);"
  code += "run(main)"
  return subprocess.Popen(
    [sys.executable, "-c", code, *map(str, arguments)],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    **options,
  )


def test_each_filter_counts_what_it_drops(tmp_path, capsys):
  path = tsv(
    tmp_path / "a.tsv",
    ("A good  sentence", "Ein guter Satz"),
    ("A good sentence", "Ein guter\u2028Satz"),
    ("A good sentence", "Ein feiner Satz"),
    ("Same here", "Same here"),
    ("Hi", "Ho"),
    ("x" * 41, "y"),
    ("word " * 7, "w"),
  )
  limits = ["--min-characters", "5", "--max-characters", "40", "--max-ratio", "2"]
  prepare.main(["--input", path, "--output", str(tmp_path / "d"), *ENGLISH_GERMAN, *limits])
  report = json.loads((tmp_path / "d" / "report.json").read_text())
  assert report["dropped_by_filter"] == {
    "empty side": 0,
    "identical sides": 1,
    "under 5 characters": 1,
    "over 40 characters": 1,
    "one side over 2 times longer": 1,
    "duplicate": 1,
  }
  assert (report["rows_read"], report["pairs"]) == (7, 2)
  assert report["languages"] == {"eng-deu": 2}
  assert [Pair(**row) for row in rows_of(tmp_path / "d")] == [
    Pair("eng", "deu", "a", "A good sentence", "Ein guter Satz"),
    Pair("eng", "deu", "a", "A good sentence", "Ein feiner Satz"),
  ]
  printed = capsys.readouterr().out
  assert re.search(r"pairs kept +2\n", printed) and re.search(r"from a +2\n", printed)


@pytest.fixture
def judge_of_languages(monkeypatch):
  """One that knows English and German, and takes what begins with "Dies" for German."""

  def is_foreign(code):
    return lambda text: (code == "deu") != text.startswith("Dies")

  monkeypatch.setattr(language_id, "_identifier", lambda: None)
  monkeypatch.setattr(language_id, "_labels", lambda code: {"eng", "deu"} & {code})
  monkeypatch.setattr(language_id, "foreign_to", is_foreign)


def test_a_language_that_is_not_known_is_told(tmp_path, capsys):
  words = ["--input", tsv(tmp_path / "a.tsv", ("one", "eins")), "--output", str(tmp_path / "d")]
  prepare.main([*words, "--source-language", "English"])
  (told,) = capsys.readouterr().err.splitlines()
  assert told.startswith("labse-jax: warning: the language of the target is not known")
  assert rows_of(tmp_path / "d")[0]["target_language"] == "und"
  prepare.main([*words, *ENGLISH_GERMAN])
  assert not capsys.readouterr().err
  prepare.main([*words, *ENGLISH_GERMAN[:2], "--target-language", "und"])  # It was said.
  assert not capsys.readouterr().err


def test_rows_in_another_language_are_dropped(tmp_path, judge_of_languages, capsys):
  path = tsv(tmp_path / "a.tsv", ("Dies ist gut", "Dies ist gut."), ("This is good", "Dies auch"))
  words = ["--input", path, "--output", str(tmp_path / "d"), *ENGLISH_GERMAN]
  prepare.main([*words, "--language-id"])
  out = capsys.readouterr().out
  assert re.search(r"dropped: a side not in its language +1\n", out) and "not judged" not in out
  assert [row["source"] for row in rows_of(tmp_path / "d")] == ["This is good"]
  prepare.main(words)
  assert "its language" not in capsys.readouterr().out and len(rows_of(tmp_path / "d")) == 2


def test_rows_without_a_known_language_are_counted(tmp_path, judge_of_languages, capsys):
  rows = [("eng", "deu", "One", "Dies"), ("tlh", "vol", "wa", "bal"), ("tlh", "eng", "cha", "Two")]
  words = ["--input", tsv(tmp_path / "a.tsv", *rows), *COLUMNS, "--language-id"]
  prepare.main([*words, "--output", str(tmp_path / "d")])
  assert "1 rows are of languages that py3langid does not know" in capsys.readouterr().out
  words[1] = tsv(tmp_path / "b.tsv", rows[1], ("vol", "und", "tel", "kil"))
  with pytest.raises(InputError, match="--language-id: of none of 2 rows is a language known"):
    prepare.main([*words, "--output", str(tmp_path / "e")])
  assert not list(tmp_path.glob("e*"))


def corpus(path, messages=40):
  rows = []
  for i in range(messages):
    rows.append(("eng", "deu", f"Message {i}.", f"Nachricht {i}"))
    rows.append(("fra", "eng", f"Message, le {i}", f"message {i}!"))
    rows.append(("eng", "deu", f"Message {i}.", f"Meldung {i}"))
    rows.append(("deu", "fra", f"NACHRICHT  {i}?", f"Autre message {i}"))
    rows.append(("spa", "fra", f"Mensaje {i}", f"message, LE {i}"))
  return tsv(path, *rows)


def test_held_out_messages_share_nothing_with_the_rest(tmp_path):
  arguments = ["--input", corpus(tmp_path / "a.tsv"), *COLUMNS, "--held-out", "10"]
  prepare.main([*arguments, "--output", str(tmp_path / "d")])
  held = tree(tmp_path / "d" / "held_out")
  assert sorted(held) == [
    f"tatoeba.{language}-eng.{ending}"
    for language in ("deu", "fra")
    for ending in sorted((language, "eng"))
  ]
  lines = {name: raw.decode().splitlines() for name, raw in held.items()}
  numbers = {name: [re.search(r"\d+", line)[0] for line in found] for name, found in lines.items()}
  # One translation for each message, the first; aligned by line; the same messages everywhere.
  assert len(set(map(tuple, numbers.values()))) == 1
  assert len(set(numbers["tatoeba.deu-eng.deu"])) == 10
  assert all(line.startswith("Nachricht") for line in lines["tatoeba.deu-eng.deu"])
  keys = {comparison_key(line) for found in lines.values() for line in found}
  rows = rows_of(tmp_path / "d")
  assert len(rows) == 30 * 5
  for row in rows:
    assert not {comparison_key(row["source"]), comparison_key(row["target"])} & keys
  report = json.loads((tmp_path / "d" / "report.json").read_text())
  assert report["held_out"] == {"messages": 10, "pairs": 20, "languages": {"deu": 10, "fra": 10}}
  assert report["dropped_by_filter"]["of a held-out message"] == 30
  assert report["dropped_by_filter"]["shares a side with one"] == 20


def test_a_pivot_pairs_translations_of_one_text(tmp_path, capsys):
  path = tsv(
    tmp_path / "a.tsv",
    ("eng", "fra", "Good  day.", "Bonjour."),
    ("jpn", "eng", "こんにちは。", "Good day."),
    ("eng", "deu", "good day.", "Guten Tag."),  # Another text: its first letter is small.
    ("eng", "deu", "Taxi!", "Ein Taxi!"),
    ("eng", "fra", "Taxi!", "Ein Taxi!"),  # The pair would have two sides alike.
  )
  arguments = ["--input", path, *COLUMNS, "--pivot", "en", "--output", str(tmp_path / "d")]
  prepare.main(arguments)
  rows = rows_of(tmp_path / "d")
  assert len(rows) == 6
  assert rows[5] == {
    "source_language": "fra",
    "target_language": "jpn",
    "origin": "pivot-eng",
    "source": "Bonjour.",
    "target": "こんにちは。",
  }
  report = json.loads((tmp_path / "d" / "report.json").read_text())
  assert report["pivot"] == {"language": "eng", "pairs": 1} and report["pairs"] == 6
  assert report["languages"]["fra-jpn"] == report["origins"]["pivot-eng"]["pairs"] == 1
  assert re.search(r"pairs kept +6\n +of them by way of eng +1\n", capsys.readouterr().out)


def test_what_a_pivot_makes_shares_nothing_with_held_out_messages(tmp_path):
  arguments = ["--input", corpus(tmp_path / "a.tsv"), *COLUMNS, "--held-out", "10"]
  prepare.main([*arguments, "--pivot", "eng", "--output", str(tmp_path / "d")])
  held = tree(tmp_path / "d" / "held_out").values()
  keys = {comparison_key(line) for raw in held for line in raw.decode().splitlines()}
  made = [row for row in rows_of(tmp_path / "d") if row["origin"] == "pivot-eng"]
  assert len(made) == 0  # "Message 1." and "message 1!" are two texts.
  path = corpus(tmp_path / "b.tsv")
  text = pathlib.Path(path).read_text().replace("message ", "Message ").replace("!", ".")
  pathlib.Path(path).write_text(text)
  arguments = ["--input", path, *COLUMNS, "--held-out", "10", "--pivot", "eng"]
  prepare.main([*arguments, "--output", str(tmp_path / "e")])
  made = [row for row in rows_of(tmp_path / "e") if row["origin"] == "pivot-eng"]
  assert len(made) == 30 * 2  # Two German translations beside a French one.
  for row in made:
    assert (row["source_language"], row["target_language"]) == ("deu", "fra")
    assert not {comparison_key(row["source"]), comparison_key(row["target"])} & keys


def test_every_run_gives_the_same_files(tmp_path):
  arguments = ["--input", corpus(tmp_path / "a.tsv"), *COLUMNS, "--held-out", "10"]
  for name in ("one", "two"):
    prepare.main([*arguments, "--output", str(tmp_path / name)])
  assert tree(tmp_path / "one") == tree(tmp_path / "two")
  prepare.main([*arguments, "--output", str(tmp_path / "two")])
  assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_held_out_messages_stay_when_rows_come(tmp_path):
  held = []
  for messages in (40, 42):
    path = corpus(tmp_path / "a.tsv", messages)
    prepare.main(["--input", path, *COLUMNS, "--held-out", "10", "--output", str(tmp_path / "d")])
    held.append(set((tmp_path / "d/held_out/tatoeba.deu-eng.eng").read_text().splitlines()))
  assert len(held[0] & held[1]) >= 8


@pytest.mark.parametrize(
  ("content", "arguments", "message"),
  [
    (b"", [], "Nothing is left of 0 rows read; the input is empty"),
    (b"a\ta\n", [], "Nothing is left of 1 rows read; identical sides: 1"),
    (b"a\tb\nc\n", [], r"in\.tsv:2: 1 columns, not the 2 .*1 of 2 rows are bad"),
    (b"a\tb\n\xff\tc\n", [], r"in\.tsv:2: not UTF-8"),
    (b"a\tb\n", ["--held-out", "9"], "only 1 English messages"),
    (b"a\tb\n", ["--held-out", "1"], "Nothing is left"),
    (b"a\tb\n", ["--held-out", "-1"], "--held-out -1: 0 or more"),
    (b"a\tb\n", ["--max-characters", "0"], "--max-characters 0"),
    (b"a\tb\n", ["--allow-bad-lines", "2"], "--allow-bad-lines 2.0: a share from 0 to 1"),
    (b"a\tb\n", ["--format", "moses"], "two files"),
    (b"a\tb\n", ["--target-language", "xyz"], "Unknown language 'xyz'. A code of ISO 639 is"),
    (b"a\tb\n", ["--pivot", "dan"], "language of --pivot 'dan'.* Choose from .'deu', 'eng'"),
    (b"a\tb\n", ["--pivot", "eng", "--pivot-pairs", "0"], "--pivot-pairs 0: 1 or more"),
    (b"a\tb\n", ["--pivot-pairs", "5"], "--pivot-pairs 5: needs --pivot, which is not given"),
  ],
)
def test_wrong_input_is_told_and_leaves_nothing(tmp_path, content, arguments, message):
  (tmp_path / "in.tsv").write_bytes(content)
  output = tmp_path / "d"
  with pytest.raises(InputError, match=message):
    prepare.main(
      ["--input", str(tmp_path / "in.tsv"), "--output", str(output), *ENGLISH_GERMAN, *arguments]
    )
  assert os.listdir(tmp_path) == ["in.tsv"]


def test_a_long_line_is_refused_unless_a_flag_allows_it(tmp_path):
  arguments = ["--input", tsv(tmp_path / "a.tsv", ("a", "b"), ("a" * (2 * 10**6), "b"))]
  arguments += ["--output", str(tmp_path / "out")]
  with pytest.raises(InputError, match=r"a.tsv:2: has more than 1 MB; --max-line-mb"):
    prepare.main([*arguments, "--max-line-mb", "1"])
  assert not (tmp_path / "out").exists()
  prepare.main(arguments)
  assert len(rows_of(tmp_path / "out")) == 1


def test_bad_lines_are_skipped_where_allowed(tmp_path, capsys):
  (tmp_path / "in.tsv").write_bytes(b"a\tb\nc\n")
  arguments = ["--input", str(tmp_path / "in.tsv"), "--output", str(tmp_path / "d")]
  prepare.main([*arguments, "--allow-bad-lines", "0.5"])
  assert "labse-jax: warning: skipped" in capsys.readouterr().err
  report = json.loads((tmp_path / "d" / "report.json").read_text())
  assert report["bad_rows"] == 1 and "in.tsv:2: 1 columns" in report["first_bad_rows"][0]


def test_a_language_is_one_however_it_is_written(tmp_path):
  rows = [("ENG", "fre", "one", "un"), ("eng-GB", "FR", "two", "deux")]
  rows += [("en_US", "fra_CA", "three", "trois"), ("eng", "fuv2", "four", "nay")]
  path = tsv(tmp_path / "in.tsv", *rows)
  words = ["--input", path, *COLUMNS, "--output", str(tmp_path / "d")]
  with pytest.raises(InputError, match=r"in\.tsv:4: 'fuv2' is no language code of ISO 639"):
    prepare.main(words)
  assert os.listdir(tmp_path) == ["in.tsv"]
  prepare.main([*words, "--allow-bad-lines", "0.25"])
  report = json.loads((tmp_path / "d" / "report.json").read_text())
  assert report["languages"] == {"eng-fra": 3} and report["bad_rows"] == 1


def text_of(folder, files, *options):
  """Prepares {name: text} as text of one language; returns (rows, report)."""
  paths = [folder / name for name in files]
  for path, content in zip(paths, files.values(), strict=True):
    path.write_text(content, "utf-8")
  arguments = ["--input", *map(str, paths), "--output", str(folder / "d"), "--format", "text"]
  prepare.main([*arguments, *options])
  return rows_of(folder / "d"), json.loads((folder / "d" / "report.json").read_text())


def test_lines_that_a_language_had_before_are_dropped(tmp_path, capsys):
  files = {
    "a.eng.txt": "One line.\nTwo  lines.\none line.\n\nTwo lines.\n\nThree lines.\nOne line.\n",
    "b.eng.txt": "Three lines.\nFour lines.\nx\n\nTwo lines." + "\n" + "y" * 41,
    "b.deu.txt": "Two lines.\n",
  }
  rows, report = text_of(tmp_path, files, "--min-characters", "5", "--max-characters", "40")
  assert [(row["origin"], row["source_language"], row["source"]) for row in rows] == [
    ("a", "eng", "One line.\nTwo lines.\none line."),  # Exact duplicates only.
    ("a", "eng", "Three lines."),
    ("b", "eng", "Four lines."),
    ("b", "deu", "Two lines."),
  ]
  assert {(row["target"], row["target_language"]) for row in rows} == {("", "")}
  assert report == {
    "rows_read": 12,
    "bad_rows": 0,
    "first_bad_rows": [],
    "dropped_by_reader": {},
    "dropped_by_filter": {"under 5 characters": 1, "over 40 characters": 1, "duplicate": 4},
    "lines": 6,
    "documents": 4,
    "languages": {"eng": 3, "deu": 1},
    "origins": {"a": {"documents": 2}, "b": {"documents": 2}},
  }
  printed = capsys.readouterr().out
  for line in ("lines read +12", "lines kept +6", "documents kept +4", "languages +2"):
    assert re.search(f"^{line}$", printed, re.M)
  assert "pair" not in printed and "rows" not in printed and "4 documents; all" in printed


def test_text_is_opened_by_its_languages(tmp_path):
  rows, _ = text_of(tmp_path, {"a.eng.txt": "1\n\n2\n", "a.deu.txt": "1\n\n3\n4\n"})
  opened = open_dataset(tmp_path / "d")
  assert opened.monolingual and len(rows) == 4
  indices = {name: list(found) for name, found in opened.indices_by_language.items()}
  assert indices == {"eng": [0, 1], "deu": [2, 3]}
  again = tree(tmp_path / "d")
  text_of(tmp_path, {"a.eng.txt": "1\n\n2\n", "a.deu.txt": "1\n\n3\n4\n"})
  assert tree(tmp_path / "d") == again


def test_documents_without_a_line_left_do_not_shift_the_rest(tmp_path):
  lines = [f"line {n % 7} of {n % 5}" for n in range(60)]  # 35 different ones.
  documents = [lines[start : start + 3] for start in range(0, 60, 3)]
  rows, _ = text_of(tmp_path, {"a.eng.txt": "\n\n".join(map("\n".join, documents))})
  seen, expected = set(), []
  for document in documents:
    expected.append("\n".join(line for line in document if line not in seen))
    seen.update(document)
  assert [row["source"] for row in rows] == [document for document in expected if document]
  assert len(rows) < len(documents)


@pytest.mark.parametrize(
  ("raw", "arguments", "message"),
  [
    (b"", [], "Nothing is left of 0 rows read; the input is empty"),
    (b"x\n", ["--min-characters", "2"], "Nothing is left of 1 rows read; under 2 characters: 1"),
    (b"one\ntw\xff\n", [], r"in\.eng\.txt:2: not UTF-8 .*1 of 2 rows are bad"),
    (b"one\n", ["--held-out", "5"], "--held-out 5: is for pairs"),
    (b"one\n", ["--pivot", "eng"], "--pivot eng: is for pairs"),
    (b"one\n", ["--target-language", "deu"], "--target-language does not apply"),
    (b"one\n", ["--columns", "source"], "--columns does not apply"),
  ],
)
def test_wrong_text_is_told_and_leaves_nothing(tmp_path, raw, arguments, message):
  (tmp_path / "in.eng.txt").write_bytes(raw)
  output = ["--output", str(tmp_path / "d"), "--format", "text"]
  with pytest.raises(InputError, match=message) as caught:
    prepare.main(["--input", str(tmp_path / "in.eng.txt"), *output, *arguments])
  assert "\n" not in str(caught.value) and os.listdir(tmp_path) == ["in.eng.txt"]


def test_a_folder_with_other_files_is_not_replaced(tmp_path):
  (tmp_path / "home").mkdir()
  (tmp_path / "home" / "thesis.txt").write_text("years of work")
  path = tsv(tmp_path / "a.tsv", ("a", "b"))
  with pytest.raises(InputError, match="holds other files"):
    prepare.main(["--input", path, "--output", str(tmp_path / "home")])
  assert (tmp_path / "home" / "thesis.txt").exists()


@pytest.mark.parametrize("flag", ["--input", "--without"])
def test_what_lies_in_the_dataset_to_be_replaced_is_not_lost(tmp_path, flag):
  path = tsv(tmp_path / "a.tsv", ("a", "b"))
  output = tmp_path / "d"
  prepare.main(["--input", path, "--output", str(output), *ENGLISH_GERMAN])
  inside = tsv(output / "raw.tsv", ("years", "of work"))
  before = tree(output)
  arguments = ["--input", path, inside] if flag == "--input" else ["--input", path, flag, inside]
  with pytest.raises(InputError, match=r"is, or holds, the input .*raw\.tsv; name another folder"):
    prepare.main([*arguments, "--output", str(output), *ENGLISH_GERMAN])
  assert tree(output) == before


def test_the_name_of_a_tfds_dataset_is_not_a_path(tmp_path):
  output = tmp_path / "d"
  # Its reader looks for the dataset: it is not refused as a file that is missing.
  with pytest.raises(InputError, match="no TFDS dataset of this folder or name"):
    prepare.main(["--input", "no_such_set", "--format", "tfds", "--output", str(output)])


def many_rows(path, count):
  return tsv(path, *((f"sentence number {i}", f"Satz Nummer {i}") for i in range(count)))


# The spool, an ArrayRecord file's middle and its end meet the full disk in turn.
@pytest.mark.heavy
@pytest.mark.parametrize("limit_of", [lambda size: 50_000, lambda s: s // 2, lambda s: s - 1])
def test_a_full_disk_leaves_the_old_output_whole(tmp_path, limit_of):
  output = tmp_path / "d"
  arguments = ["--input", many_rows(tmp_path / "a.tsv", 3000), "--output", output, *ENGLISH_GERMAN]
  prepare.main([str(argument) for argument in arguments])
  before = tree(output)
  size = max(len(raw) for raw in before.values())
  process = command(*arguments, limit=limit_of(size))
  error = process.communicate()[1]
  assert process.returncode == 2, error
  assert re.fullmatch(r"labse-jax: \S*d(\.partial)?: File too large\n", error)
  assert tree(output) == before
  assert sorted(os.listdir(tmp_path)) == ["a.tsv", "d"]


def test_off_a_terminal_a_line_now_and_then_tells_how_far_it_is(monkeypatch, capsys):
  seconds = itertools.count(0, 10)  # Each look at the clock is ten seconds after the last.
  monkeypatch.setattr(prepare.time, "monotonic", lambda: next(seconds))
  threads = threading.active_count()
  assert list(prepare._progress(range(4096))) == list(range(4096))
  assert threading.active_count() == threads  # A thread of a bar could catch a Ctrl-C.
  told = capsys.readouterr().err.splitlines()
  assert told == ["2,048 rows, 68/s", "4,096 rows, 68/s"]


def test_on_a_terminal_there_is_a_bar(monkeypatch, capsys):
  monkeypatch.setattr("sys.stderr.isatty", lambda: True)
  assert list(prepare._progress(range(3))) == [0, 1, 2]
  assert "rows/s" in capsys.readouterr().err


@pytest.mark.heavy
def test_ctrl_c_is_130_without_a_traceback(tmp_path):
  os.mkfifo(tmp_path / "a.tsv")
  process = command("--input", tmp_path / "a.tsv", "--output", tmp_path / "d", *ENGLISH_GERMAN)
  # Opens once the command reads; what it has not read when it ends is a broken pipe.
  with contextlib.suppress(BrokenPipeError), open(tmp_path / "a.tsv", "w") as pipe:
    pipe.write("a\tb\n")
    pipe.flush()
    deadline = time.monotonic() + 10
    while not (tmp_path / "d.partial").exists() and time.monotonic() < deadline:
      time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    # A signal that comes right before a read is seen once the read returns: the text flows on.
    pipe.write("c\td\n")
    pipe.flush()
  _, error = process.communicate(timeout=10)
  assert (process.returncode, error) == (130, "labse-jax: interrupted\n")
  assert os.listdir(tmp_path) == ["a.tsv"]


@pytest.fixture
def reading_workers(tmp_path):
  """The command in a session of its own, and its workers, while they read a wheel."""
  if number_of_workers() == 1:
    pytest.skip("one core needs no workers")
  entries = "".join(f'msgid "Message {n}"\nmsgstr "Nachricht {n}"\n' for n in range(8000))
  with zipfile.ZipFile(tmp_path / "a.whl", "w") as archive:
    for number in range(100):
      archive.writestr(f"{number}/de/LC_MESSAGES/a.po", entries)
  arguments = ["--input", tmp_path / "a.whl", "--output", tmp_path / "d"]
  process = command(*arguments, start_new_session=True)
  spool = tmp_path / "d.partial" / "spool.tmp"
  deadline = time.monotonic() + 20
  while not (spool.exists() and spool.stat().st_size) and time.monotonic() < deadline:
    time.sleep(0.01)
  yield process, psutil.Process(process.pid).children()
  process.kill()
  process.wait()


def test_ctrl_c_leaves_no_worker(tmp_path, reading_workers):
  process, workers = reading_workers
  os.killpg(process.pid, signal.SIGINT)  # As a terminal does it.
  _, error = process.communicate(timeout=10)
  assert (process.returncode, error) == (130, "labse-jax: interrupted\n")
  assert os.listdir(tmp_path) == ["a.whl"]
  assert len(workers) == number_of_workers()
  assert not psutil.wait_procs(workers, timeout=10)[1]


def test_a_killed_worker_is_one_line_and_leaves_nothing(tmp_path, reading_workers):
  process, workers = reading_workers
  workers[-1].kill()
  _, error = process.communicate(timeout=20)
  assert process.returncode == 2
  assert re.fullmatch(r"labse-jax: A worker process died \(status -9\) before .*\n", error)
  assert os.listdir(tmp_path) == ["a.whl"]
  assert not psutil.wait_procs(workers, timeout=10)[1]


def test_a_missing_file_is_one_line_and_status_2(tmp_path):
  process = command("--input", tmp_path / "none.tsv", "--output", tmp_path / "d")
  out, error = process.communicate()
  assert process.returncode == 2 and not out
  assert error == f"labse-jax: {tmp_path / 'none.tsv'}: no such file.\n"


def test_help_names_every_format_and_an_example():
  text = prepare.parser().format_help()
  for name in prepare.sources.formats():
    assert f"  {name} " in text
    assert importlib.util.find_spec(f"labse_jax.data.sources.{name}")
  assert "examples:" in text
  assert max(map(len, text.splitlines())) <= 100  # A lost line break of an example shows here.


@pytest.mark.parametrize("flag", ["--source-language", "--target-language", "--pivot"])
def test_an_unknown_language_is_refused_with_the_nearest(tmp_path, flag):
  path = tsv(tmp_path / "a.tsv", ("A good sentence", "Ein guter Satz"))
  with pytest.raises(InputError, match=r"Unknown language 'Germn'; did you mean German \(deu\)\?"):
    prepare.main(["--input", path, "--output", str(tmp_path / "d"), flag, "Germn"])
  assert not (tmp_path / "d").exists()
