"""What a run leaves in its workdir: its results, and how far it was when it was killed."""

import contextlib
import hashlib
import json

from labse_jax.training.speed.meter import OF_TIME


def left_behind(workdir):
  """The rows of the log without times, and a hash of each file of the model."""
  rows = []
  for row in map(json.loads, (workdir / "metrics.jsonl").read_text().splitlines()):
    rows.append({key: value for key, value in row.items() if key not in OF_TIME})
  hashes = {}
  for path in sorted((workdir / "model").rglob("*")):
    if path.is_file():
      place = str(path.relative_to(workdir))
      hashes[place] = hashlib.sha256(path.read_bytes()).hexdigest()
  return {"rows": rows, "files": hashes}


def differing(wanted, found):
  """In words, the first row and the files in which two runs differ; "" where they do not."""
  said = []
  if len(wanted["rows"]) != len(found["rows"]):
    said.append(f"{len(found['rows'])} rows, not {len(wanted['rows'])}")
  for one, other in zip(wanted["rows"], found["rows"], strict=False):
    if one != other:
      said.append(f"the row of step {one['step']}")
      break
  files = wanted["files"].keys() | found["files"].keys()
  said += [name for name in sorted(files) if wanted["files"].get(name) != found["files"].get(name)]
  return ", ".join(said)


def rows_in(workdir):
  path = workdir / "metrics.jsonl"
  return path.read_bytes().count(b"\n") if path.exists() else 0


def unfinished(workdir):
  """The checkpoints that are being written, or were when the run was killed."""
  found = set()
  for path in (workdir / "checkpoints").glob("*tmp*"):
    # Orbax may remove one while this looks.
    with contextlib.suppress(FileNotFoundError):
      found.add((path.name, path.stat().st_ino))
  return found


def place(workdir, unfinished_before):
  """What a kill fell into, by what it left; an earlier kill left `unfinished_before`."""
  if (workdir / "model").exists():
    return "after the model"
  if list(workdir.glob("model.*")):
    return "while the model was written"
  if unfinished(workdir) - unfinished_before:
    return "while a checkpoint was written"
  names = [path.name for path in (workdir / "checkpoints").glob("*")]
  if not any(map(str.isdigit, names)):
    return "before the first checkpoint"
  return "between checkpoints"
