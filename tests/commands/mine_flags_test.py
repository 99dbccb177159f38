"""The flags of `mine`: which go together, what is filled in, and what must stay."""

import pytest

from labse_jax import mine_flags
from labse_jax.base.errors import InputError

NEEDED = {"--model": "m", "--source": "a.deu", "--target": "b.eng.gz", "--output": "out"}


def command_line(flags, *words):
  needed = [word for flag in flags.items() for word in flag]
  return [str(word) for word in (*needed, *words)]


@pytest.mark.parametrize(
  "more, message",
  [
    (["--k", 0], "--k 0: 1 or more is allowed."),
    (["--k", "four"], "--k four: a whole number is needed"),
    (["--threshold", "high"], "--threshold high: a number is needed"),
    (["--threshold", "nan"], "--threshold nan: a finite number is allowed."),
    (["--threshold", 1, "--score-only"], "do not give --threshold with it."),
    (["--precision", 1], "--precision 1.0: more than 0 and less than 1 is allowed."),
    (["--precision", 0.9, "--score-only"], "do not give --threshold or --score-only."),
    (["--precision", 0.9, "--threshold", 1], "do not give --threshold or --score-only."),
    (["--precision", 0.9, "--retrieval", "union"], "--precision needs --retrieval max"),
    (["--gold", "gold.tsv"], "--gold needs --precision."),
    (["--report", "page.html"], "--report needs --precision."),
    (["--max-ratio", "nan"], "--max-ratio nan: 1 or more is allowed."),
    (["--retrieval", "best"], "--retrieval best: choose from max, "),
    (["--one-script", "--score-only"], "do not give --one-script with it."),
    (["--language-id", "--score-only"], "do not give --language-id with it."),
    (["--threshold", 0, "--score-only"], "do not give --threshold with it."),
    (["--max-ratio", 6, "--score-only"], "do not give --max-ratio with it."),
    (["--min-characters", 0, "--score-only"], "do not give --min-characters with it."),
    (["--retrieval", "max", "--score-only"], "do not give --retrieval with it."),
    (["--language-id", "--source", "a.txt"], "needs both languages; say --source-language."),
    (["--language-id", "--target", "b.xz"], "needs both languages; say --target-language."),
  ],
)
def test_wrong_arguments_are_refused(more, message):
  with pytest.raises(InputError) as error:
    mine_flags.parsed(command_line(NEEDED, *more))
  assert message in str(error.value)


def test_what_is_not_given_has_a_default():
  args = mine_flags.parsed(command_line(NEEDED, "--max-ratio", 2))
  assert (args.retrieval, args.min_characters, args.max_ratio) == ("max", 1, 2.0)


def test_names_of_files_say_what_no_flag_does():
  args = mine_flags.parsed(command_line(NEEDED, "--output", "pairs.jsonl"))
  assert (args.source_language, args.target_language, args.format) == ("deu", "eng", "jsonl")


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
  with pytest.raises(InputError) as error:
    mine_flags.parsed(command_line(NEEDED, "--precision", 0.9, "--gold", "gold", *more))
  assert message in str(error.value)
