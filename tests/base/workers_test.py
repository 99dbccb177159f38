"""Workers give what one process would, in order; none is left, whatever happens."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from labse_jax.base import workers
from labse_jax.base.errors import InputError
from tests.support.places import ROOT
from tests.support.worker_functions import one_of_each

LARGE = "x" * 1_000_000  # More than a pipe holds.


def gone(pid):
  """Whether a process ends within some seconds."""
  for _ in range(200):
    try:
      if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
        return True
    except psutil.NoSuchProcess:
      return True
    time.sleep(0.05)
  return False


@pytest.mark.parametrize("number", [2, 3])
def test_results_come_in_order_from_all_workers(number):
  items = ["sleep", *range(20), "print", LARGE, *[LARGE + str(n) for n in range(20)], "sleep", None]
  results = list(workers.in_order(one_of_each, items, workers=number))
  assert [item for _, item in results] == items
  pids = {pid for pid, _ in results}
  assert len(pids) == number and os.getpid() not in pids
  assert all(gone(pid) for pid in pids)


def test_no_items_give_no_results():
  assert list(workers.in_order(one_of_each, [], workers=2)) == []


def test_items_are_taken_only_a_little_ahead():
  taken = []

  def items():
    for item in range(100):
      taken.append(item)
      yield item

  results = workers.in_order(one_of_each, items(), workers=2)
  for number in range(10):
    next(results)
    assert len(taken) <= number + 1 + 2 * workers.AHEAD
  results.close()


def test_an_error_is_raised_in_its_turn():
  results = workers.in_order(one_of_each, ["sleep", 1, "refuse", 3], workers=2)
  pid, _ = next(results)
  assert next(results)[1] == 1
  with pytest.raises(InputError, match="^this item is wrong.$"):
    next(results)
  assert gone(pid)


def test_a_worker_that_dies_is_told():
  results = workers.in_order(one_of_each, ["sleep", *range(9), "die", *range(99)], workers=2)
  with pytest.raises(InputError, match=r"A worker process died \(status -9\) before .* memory"):
    list(results)


def test_a_caller_that_leaves_early_leaves_no_worker():
  results = workers.in_order(one_of_each, [1, 2, "sleep", *[LARGE] * 50], workers=2)
  pids = [next(results)[0], next(results)[0]]
  results.close()
  assert all(gone(pid) for pid in pids)


def test_a_caller_that_is_killed_leaves_no_worker():
  code = (
    "from labse_jax.base.workers import in_order\n"
    "from tests.support.worker_functions import one_of_each\n"
    "import time\n"
    "results = in_order(one_of_each, [1, 2, *['x' * 1_000_000] * 50], workers=2)\n"
    "print(next(results)[0], next(results)[0], flush=True)\n"
    "time.sleep(60)\n"
  )
  with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT) as caller:
    pids = [int(pid) for pid in caller.stdout.readline().split()]
    caller.send_signal(signal.SIGKILL)
  assert len(pids) == 2 and all(gone(pid) for pid in pids)


def test_a_script_is_not_run_again_by_its_workers(tmp_path):
  script = tmp_path / "script.py"
  script.write_text(
    f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n"
    "print('once')\n"
    "from labse_jax.base.workers import in_order\n"
    "from tests.support.worker_functions import one_of_each\n"
    "print(len(list(in_order(one_of_each, range(5), workers=2))))\n"
  )
  run = subprocess.run([sys.executable, script], capture_output=True, text=True)
  assert (run.stdout, run.stderr) == ("once\n5\n", "")


def not_allowed(*_, **__):
  raise PermissionError(1, "Operation not permitted")


@pytest.mark.parametrize("executable", ["", "/bin/false", "/no/such/python", "not allowed"])
def test_where_no_worker_starts_the_caller_does_the_work(monkeypatch, executable):
  if executable == "not allowed":
    monkeypatch.setattr(workers.subprocess, "Popen", not_allowed)
  else:
    monkeypatch.setattr(workers.sys, "executable", executable)
  results = workers.in_order(one_of_each, [1, 2], workers=2)
  assert list(results) == [(os.getpid(), 1), (os.getpid(), 2)]


def test_one_worker_is_the_caller():
  assert next(workers.in_order(one_of_each, [1], workers=1)) == (os.getpid(), 1)


def test_there_are_as_many_workers_as_cores_up_to_a_limit(monkeypatch):
  for cores, number in ((1, 1), (3, 3), (99, workers.MOST_WORKERS)):
    monkeypatch.setattr(workers.os, "sched_getaffinity", lambda _, n=cores: range(n), raising=False)
    assert workers.number_of_workers() == number
  monkeypatch.delattr(workers.os, "sched_getaffinity")
  monkeypatch.setattr(workers.os, "cpu_count", lambda: 5)
  assert workers.number_of_workers() == 5
