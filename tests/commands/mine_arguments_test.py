"""The command line of `mine`."""

import pytest

from labse_jax import mine
from labse_jax.base.errors import InputError

NEEDED = {"--model": "m", "--source": "a.deu", "--target": "b.eng.gz", "--output": "out"}


def words(*more):
  return [str(word) for word in (*(word for pair in NEEDED.items() for word in pair), *more)]


@pytest.mark.parametrize(
  "more, message",
  [
    (["--k", 0], "--k 0: 1 or more is allowed."),
    (["--k", "four"], "argument --k: invalid int value: 'four'"),
    (["--threshold", "high"], "argument --threshold: invalid float value: 'high'"),
    (["--threshold", "nan"], "--threshold nan: a finite number is allowed."),
    (["--threshold", 1, "--score-only"], "--score-only scores every line."),
    (["--precision", 1], "--precision 1.0: more than 0 and less than 1 is allowed."),
    (["--precision", 0.9, "--score-only"], "give no --threshold nor --score-only."),
    (["--precision", 0.9, "--threshold", 1], "give no --threshold nor --score-only."),
    (["--precision", 0.9, "--retrieval", "union"], "--precision needs --retrieval max"),
    (["--gold", "gold.tsv"], "--gold is of --precision, which is not given."),
    (["--report", "page.html"], "--report is of --precision, which is not given."),
    (["--max-ratio", "nan"], "--max-ratio nan: 1 or more is allowed."),
    (["--retrieval", "best"], "invalid choice: 'best'"),
    (["--one-script", "--score-only"], "--one-script is of mining; --score-only scores every"),
    (["--language-id", "--score-only"], "--language-id is of mining; --score-only scores every"),
    (["--threshold", 0, "--score-only"], "--threshold is of mining; --score-only scores every"),
    (["--max-ratio", 6, "--score-only"], "--max-ratio is of mining; --score-only scores every"),
    (["--min-characters", 0, "--score-only"], "--min-characters is of mining; --score-only"),
    (["--retrieval", "max", "--score-only"], "--retrieval is of mining; --score-only scores"),
    (["--language-id", "--source", "a.txt"], "needs both languages; say --source-language."),
    (["--language-id", "--target", "b.xz"], "needs both languages; say --target-language."),
  ],
)
def test_wrong_arguments_are_refused(more, message):
  with pytest.raises(InputError) as error:
    mine.parsed(words(*more))
  assert message in str(error.value)


def test_what_is_not_given_has_a_default():
  args = mine.parsed(words("--max-ratio", 2))
  assert (args.retrieval, args.min_characters, args.max_ratio) == ("max", 1, 2.0)


@pytest.mark.parametrize(
  "more, language",
  [
    ([], "deu"),
    (["--source", "news.de.xz"], "de"),
    (["--source", "de.txt"], "und"),
    (["--source", "de.txt", "--source-language", "de"], "de"),
  ],
)
def test_a_files_ending_is_its_language(more, language):
  assert mine.language(mine.parsed(words(*more)), "source") == language


@pytest.mark.parametrize(
  "more, message",
  [
    (["--output", "a.deu"], "a.deu: is an input; name another file"),
    (["--output", "out", "--report", "gold"], "gold: is an input"),
    (["--output", "a", "--format", "moses"], "a.deu: is an input"),
    (["--report", "x/../out"], "out: is named for two outputs; each needs a file of its own."),
    (["--output", "folder"], "folder: is a folder; a file is needed."),
    (["--output", "/dev/null"], "/dev/null: is a device; a file is needed."),
  ],
)
def test_what_must_stay_is_not_written_over(tmp_path, monkeypatch, more, message):
  monkeypatch.chdir(tmp_path)
  (tmp_path / "folder").mkdir()
  for name in ("a.deu", "gold"):
    (tmp_path / name).write_text("one")
  args = mine.parsed(words("--precision", 0.9, "--gold", "gold", *more))
  with pytest.raises(InputError) as error:
    mine.check_output(args, ["deu", "eng"])
  assert message in str(error.value)
