"""Runs of `labse_jax.train` as processes, on what `tiny.make` wrote."""

import subprocess
import sys

from tests.support.places import ROOT

STEPS = 24


def command(folder, workdir, *extra):
  small = [
    f"--config.model.{k}={v}"
    for k, v in dict(vocab_size=200, width=16, heads=2, mlp_width=32, dropout=0.1).items()
  ]
  config = (
    f"{ROOT}/experiments/quickstart.py:runlocal,steps={STEPS},"
    f"data={folder}/data,tokenizer={folder}/vocabulary"
  )
  return [
    sys.executable,
    "-m",
    "labse_jax.train",
    "--config",
    config,
    "--workdir",
    str(workdir),
    "--config.log_every=1",
    "--config.save_every=5",
    "--config.batch_rows=8",
    *small,
    *extra,
  ]


def start(folder, workdir, *extra):
  return subprocess.Popen(
    command(folder, workdir, *extra),
    cwd=ROOT,
    text=True,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
  )


def finish(process, status=0):
  out, err = process.communicate(timeout=300)
  assert process.returncode == status, err[-3000:]
  return out + err
