"""A run's folder: whether a config is that of the run in it."""

from collections.abc import Iterator, Sequence
import contextlib
import json
import pathlib
from typing import TYPE_CHECKING, Any

from labse_jax.base import files
from labse_jax.base.console import is_main
from labse_jax.base.errors import InputError, listed
from labse_jax.base.types import Config
from labse_jax.base.writing import agreement, digests, lock
from labse_jax.configs import optional_fields

if TYPE_CHECKING:
  from labse_jax.training.encoder_task import EncoderTask

STEPS = "steps.json"
LOCK = ".lock"
FINGERPRINTS = "fingerprints"
NOT_SET = "not set"
# Between a run and its resume.
OF_THE_MACHINE = ("attention", "remat", "unroll")  # It decides, where the config leaves it open.
FREE_TO_CHANGE = ("evals", "expected", "log_every", "profile", "save_every", "seconds")


@contextlib.contextmanager
def alone(workdir: pathlib.Path) -> Iterator[None]:
  """Keeps other runs out of a workdir; nothing in it may be read or changed before.

  The first process holds the lock. Where another run is in there, InputError is raised on all.
  """
  with contextlib.ExitStack() as held:
    refused = None
    if is_main():
      try:
        held.enter_context(lock.locked(workdir / LOCK, workdir))
      except InputError as error:
        refused = str(error)
      except OSError as error:  # The others must not wait for a process that has ended.
        refused = f"{error.filename}: {error.strerror}"
    refused = agreement.of_first(refused)
    if refused:
      raise InputError(refused)
    yield


def described(config: Config, task: "EncoderTask") -> dict[str, Any]:
  """The config as plain JSON, with fingerprints of the data and the vocabulary."""
  return json.loads(config.to_json()) | {FINGERPRINTS: task.fingerprints()}


def check_same_run(config: Config, task: "EncoderTask", workdir: pathlib.Path) -> None:
  """Refuses a workdir that holds a run of another config, other data or another vocabulary."""
  # Also for a fresh workdir: it raises where the data or the vocabulary is missing.
  now = described(config, task)
  before = recorded_config(workdir)
  if before is None:
    return
  now, before = _with_attention_dropout(now), _with_attention_dropout(before)
  names = [name for name in now | before if name not in FREE_TO_CHANGE + OF_THE_MACHINE]
  changed = [name for name in names if _differs(name, before, now)]
  if changed == [FINGERPRINTS]:
    raise InputError(_what_was_edited(workdir, before[FINGERPRINTS], task))
  if changed:
    differ = [k for k in changed if k != FINGERPRINTS]  # Other fields name other files.
    was = "; ".join(f"{k}: {before.get(k, NOT_SET)} -> {now.get(k, NOT_SET)}" for k in differ)
    raise InputError(f"{workdir} holds a run with another config ({was}); use a new workdir.")


def _with_attention_dropout(recorded):
  """The recorded config with the field as it holds where it is not set: the same as dropout."""
  model = recorded.get("model", {})
  if "dropout" not in model:
    return recorded
  return recorded | {"model": {"attention_dropout": model["dropout"]} | model}


def _differs(name, before, now):
  """Whether a field or section of two recorded configs means two different runs."""
  if name in before and name in now:
    return before[name] != now[name]
  if name in optional_fields.SECTIONS:  # Any experiment may set these or not.
    return optional_fields.changes(name, (before | now)[name])
  return name in now


def _what_was_edited(workdir, before, task):
  """Which of the files that a config names have changed since the run began, as a sentence."""
  now = task.hashed()
  edited = [path for path, found in now if found not in before]
  what = listed(edited) if edited else "the data, the vocabulary or a plug-in"
  verb = "have" if len(edited) > 1 else "has"
  return f"{what} {verb} changed since the run in {workdir} began; use a new workdir."


def recorded_config(workdir: pathlib.Path) -> dict[str, Any] | None:
  """The config.json of the run in this folder, None where it has not begun."""
  path = workdir / "config.json"
  return digests.unsealed(path, files.read_json(path)) if path.exists() else None


def write_config(config: Config, task: "EncoderTask", workdir: pathlib.Path) -> None:
  """Writes config.json, once all of the config has proved itself."""
  if is_main():
    files.write_json(workdir / "config.json", digests.sealed(described(config, task)))


def record_plan(workdir: pathlib.Path, total: int, seconds: Sequence[float] = ()) -> None:
  """Writes how many steps the run has: where a stage ends must be known before a state is read.

  `seconds` are those of a step of each stage, where they were timed.
  """
  if is_main():
    plan = {"total": total, "seconds": [*seconds]}
    files.write_json(workdir / STEPS, digests.sealed(plan))


def recorded_plan(workdir: pathlib.Path) -> tuple[int | None, list[float]]:
  """(total, seconds) of the run in this folder; (None, []) where it has not begun."""
  path = workdir / STEPS
  if not path.exists():
    return None, []
  plan = digests.unsealed(path, files.read_json(path))
  total = plan.get("total")
  if not isinstance(total, int):
    raise InputError(f"{path}: has no number of steps under 'total'.")
  return total, plan.get("seconds", [])
