import errno
import os
import subprocess
import sys

import pytest

from labse_jax.base.errors import InputError, alike, known, listed, nearest, run, unicode_text


def raising(error):
  def main(_):
    raise error

  return main


@pytest.mark.parametrize(
  ("error", "status", "text"),
  [
    (InputError("a.tsv:3: wrong\n  here."), 2, "labse-jax: a.tsv:3: wrong here.\n"),
    (KeyboardInterrupt(), 130, "labse-jax: interrupted\n"),
    (
      OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "out"),
      2,
      "labse-jax: out: No space left on device\n",
    ),
  ],
)
def test_a_person_gets_one_line_and_a_status(error, status, text, capsys):
  with pytest.raises(SystemExit) as caught:
    run(raising(error), [])
  assert caught.value.code == status
  assert capsys.readouterr().err == text


def test_done_is_zero_and_arguments_arrive(capsys):
  with pytest.raises(SystemExit) as caught:
    run(lambda argv: print(argv), ["a", "b"])
  assert caught.value.code == 0 and capsys.readouterr().out == "['a', 'b']\n"


@pytest.mark.parametrize("error", [ValueError("ours"), OSError(errno.EBADF, "ours")])
def test_our_own_faults_keep_their_traceback(error):
  with pytest.raises(type(error)):
    run(raising(error), [])


@pytest.mark.parametrize("lines", [1, 9999])
def test_a_reader_that_leaves_is_no_error(lines):
  code = f"from labse_jax.base.errors import run\nrun(lambda _: print(input() * 99 * {lines}), [])"
  pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
  process = subprocess.Popen([sys.executable, "-c", code], **pipes)
  process.stdout.close()
  process.stdout = None
  assert process.communicate(b"x\n")[1] == b""
  assert process.returncode == 0


def test_a_long_list_is_cut_and_the_rest_counted():
  names = [str(number) for number in range(14)]
  assert listed(names[:12]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11"
  assert listed(names) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more"


@pytest.mark.parametrize(
  ("name", "choices", "found"),
  [
    ("sigmoidd", ["tcm", "sigmoid"], ["sigmoid"]),
    ("--treshold", ["--gold", "--format"], []),  # The dashes would make them alike.
    ("--treshold", ["--gold", "--threshold"], ["--threshold"]),
    ("nofile.py", ["one.py"], []),  # And so would the ending.
    ("my.py", ["tcm.py"], []),
    ("sigmiod.py", ["sigmoid.py"], ["sigmoid.py"]),
    ("--K", ["--k"], ["--k"]),
    ("clip", ["clap", "flip", "clips"], ["clips"]),
  ],
)
def test_what_all_names_share_makes_none_alike(name, choices, found):
  assert alike(name, choices) == found


def test_the_likeliest_comes_first_and_not_more_than_asked():
  assert alike("clip", ["clap", "zz", "clips"], 3) == ["clips", "clap"]
  assert alike("clip", ["CLIP", "clip", "clips"], 2) == ["CLIP", "clip"]
  assert alike("clip", ["zz"], 3, cutoff=0) == ["zz"]


def test_a_hint_is_empty_where_nothing_is_alike():
  assert nearest("my.py", ["tcm.py"]) == ""
  with pytest.raises(InputError, match=r"^Unknown file 'my.py'\. Choose from \['tcm.py'\]"):
    known("file", "my.py", ["tcm.py"])


def test_a_ctrl_c_that_falls_into_a_callback_is_not_lost():
  code = """
import gc, signal, time
from labse_jax.base.errors import run

def interrupted(phase, info):
  gc.callbacks.remove(interrupted)
  signal.raise_signal(signal.SIGINT)

def main(argv):
  gc.callbacks.append(interrupted)
  gc.collect()
  time.sleep(20)

run(main, [])
"""
  done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=15)
  assert (done.returncode, done.stderr) == (130, "labse-jax: interrupted\n")


def test_text_that_is_no_unicode_is_refused():
  assert unicode_text("é😀") == "é😀"
  with pytest.raises(InputError, match=r"^prompt: 'a\\udcff' is not Unicode text\.$"):
    unicode_text("a\udcff", "prompt: ")
