"""Signals end a command soon, in one line, whatever it does at the moment."""

import signal
import subprocess
import sys
import time

import pytest

from labse_jax.base import interrupts
from labse_jax.base.errors import run
from tests.support.places import ROOT

COMMAND = """
import contextlib, hashlib, os, signal, threading, time
from importlib.machinery import ExtensionFileLoader
from labse_jax.base import interrupts
from labse_jax.base.errors import run

def blocked():
  # One call of minutes, in which Python runs no handler.
  hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)

@contextlib.contextmanager
def slow_to_clean_up():
  try:
    yield
  finally:
    blocked()

def wait_for_input():
  reader, writer = os.pipe()
  try:
    os.read(reader, 1)
  finally:
    print("cleaned up", flush=True)

class Aborts(ExtensionFileLoader):
  # As C++ does whose call into Python raises.
  def exec_module(self, module):
    try:
      time.sleep(30)
    except BaseException:
      os.abort()

def main(argv):
  print("here", flush=True)
  {body}

run(main)
"""
KEPT = "with interrupts.kept(lambda: '3 of 9 lines are kept.'): "


def started(body):
  process = subprocess.Popen(
    [sys.executable, "-c", COMMAND.format(body=body)],
    cwd=ROOT,
    text=True,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
  )
  assert process.stdout.readline() == "here\n"
  time.sleep(0.1)
  return process


@pytest.mark.parametrize(
  ("body", "number", "words"),
  [
    ("time.sleep(30)", signal.SIGINT, ""),
    ("time.sleep(30)", signal.SIGTERM, ""),
    (KEPT + "time.sleep(30)", signal.SIGTERM, "; 3 of 9 lines are kept."),
    (KEPT + "blocked()", signal.SIGINT, "; 3 of 9 lines are kept."),
    ("with slow_to_clean_up(): time.sleep(30)", signal.SIGTERM, ""),
    ("Aborts('a', 'a.so').exec_module(None)", signal.SIGINT, ""),
    ("Aborts('a', 'a.so').exec_module(None)", signal.SIGTERM, ""),
  ],
)
def test_a_command_ends_soon_and_in_one_line(body, number, words):
  process = started(body)
  start = time.monotonic()
  process.send_signal(number)
  assert process.communicate(timeout=20) == ("", f"labse-jax: interrupted{words}\n")
  assert process.returncode == 128 + number
  assert time.monotonic() - start < 2


def test_a_signal_that_another_thread_got_wakes_a_wait_for_input():
  """As one does that comes right before the wait: nothing tells the main thread that waits."""
  other = "lambda: signal.pthread_kill(threading.get_ident(), signal.SIGINT)"
  process = started(f"threading.Timer(0.3, {other}).start(); wait_for_input()")
  assert process.communicate(timeout=20) == ("cleaned up\n", "labse-jax: interrupted\n")
  assert process.returncode == 130


def test_a_second_signal_ends_at_once():
  process = started("blocked()")
  process.send_signal(signal.SIGINT)
  time.sleep(0.1)
  start = time.monotonic()
  process.send_signal(signal.SIGINT)
  assert process.communicate(timeout=20)[1] == "labse-jax: interrupted\n"
  assert process.returncode == 130 and time.monotonic() - start < interrupts.PATIENCE / 2


@pytest.mark.parametrize("apart", [0.0, 0.02, 0.05])
def test_two_signals_are_answered_by_one_line(apart):
  process = started("time.sleep(30)")
  process.send_signal(signal.SIGINT)
  time.sleep(apart)
  process.send_signal(signal.SIGTERM)
  _, said = process.communicate(timeout=20)
  assert said == "labse-jax: interrupted\n" and process.returncode in (130, 143)


def test_a_handler_of_the_commands_own_has_all_the_time_it_needs():
  own = "signal.signal(signal.SIGTERM, lambda *_: print('saving'))"
  process = started(f"{own}; time.sleep(1.5); print('saved')")
  process.send_signal(signal.SIGTERM)
  assert process.communicate(timeout=20) == ("saving\nsaved\n", "")
  assert process.returncode == 0


def test_a_block_with_handlers_of_its_own_answers_at_once():
  tell = "lambda number, count: print(count, flush=True)"
  own = f"signal.signal(signal.SIGTERM, lambda *_: None); a = interrupts.answered({tell})"
  process = started(f"{own}; a.__enter__(); blocked()")
  for count in "12":
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == f"{count}\n"  # The main thread is in C for minutes.
  process.kill()
  process.communicate()


def test_what_was_there_before_is_there_again():
  numbers = (*interrupts.SIGNALS, interrupts.WAKE)
  before = [signal.getsignal(number) for number in numbers]
  hook = sys.unraisablehook
  with pytest.raises(SystemExit) as caught:
    run(lambda _: signal.raise_signal(signal.SIGTERM), [])
  assert caught.value.code == 128 + signal.SIGTERM
  assert [signal.getsignal(number) for number in numbers] == before
  assert sys.unraisablehook == hook


def test_the_innermost_block_says_what_is_kept():
  with pytest.raises(KeyboardInterrupt) as caught, interrupts.kept(lambda: "all"):
    with interrupts.kept(lambda: "three"):
      raise KeyboardInterrupt
  assert interrupts.farewell(caught.value.__notes__) == "interrupted; three"
