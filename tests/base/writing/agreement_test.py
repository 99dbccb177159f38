"""What two processes agree on."""

import os
import socket
import subprocess
import sys

import pytest

from labse_jax.base.writing import agreement
from tests.support.places import ROOT

PROGRAM = """\
import pathlib, sys, jax
address, index, folder = sys.argv[1:]
jax.distributed.initialize(address, 2, int(index))
from labse_jax.base.errors import InputError
from labse_jax.base.writing import agreement
from labse_jax.training.workdir import alone
print(agreement.of_first({"told": ["größer", None] if index == "0" else "of the other"}))
print(agreement.all_of(True), agreement.all_of(index == "0"))
try:
  with alone(pathlib.Path(folder)):
    print("alone")
    with alone(pathlib.Path(folder)):
      print("together")
except InputError as error:
  print("refused" if "another process is writing there" in str(error) else error)
"""


def test_one_process_agrees_with_itself():
  assert agreement.of_first(["it", None]) == ["it", None]
  assert agreement.all_of(True) and not agreement.all_of(False)


@pytest.mark.heavy
def test_all_processes_do_as_the_first_one_says(tmp_path):
  with socket.socket() as free:
    free.bind(("localhost", 0))
    address = f"localhost:{free.getsockname()[1]}"
  processes = [
    subprocess.Popen(
      [sys.executable, "-c", PROGRAM, address, str(index), str(tmp_path / "run")],
      cwd=ROOT,
      env=os.environ | {"XLA_FLAGS": "", "PYTHONPATH": str(ROOT)},
      text=True,
      stdout=subprocess.PIPE,
    )
    for index in range(2)
  ]
  for process in processes:
    said, _ = process.communicate(timeout=120)
    # Before them stands what JAX's own library says of its connections.
    *_, told, all_of, first, second = said.splitlines()
    assert told == "{'told': ['größer', None]}" and all_of == "True False"
    assert (first, second) == ("alone", "refused")
  assert not (tmp_path / "run").exists()
