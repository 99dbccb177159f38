"""The rows of a batch where a config leaves them to the machine: config.batch_rows = 0."""

from collections.abc import Mapping
import typing

from labse_jax.base import machine
from labse_jax.base.console import say
from labse_jax.base.types import Config

if typing.TYPE_CHECKING:
  import jax

ROWS = 64
# On a CPU a row of 128 tokens of multilingual-e5-small takes some 0.6 processor seconds. On two
# cores so many rows are a step of 4.5 s with a hundred pairs, in 7 GB; 64 were one of 25 s, in 17.
ROWS_A_CORE = 8


def settle_rows(
  config: Config,
  mesh: "jax.sharding.Mesh",
  recorded: Mapping[str, typing.Any] | None = None,
) -> Config:
  """The config, with a number in place of batch_rows = 0, which it says in one line.

  `recorded` is the config.json of the run that goes on, if one does: its rows stay, whatever
  machine this is.
  """
  if config.batch_rows != 0:
    return config
  settled = config.copy_and_resolve_references()
  if recorded and recorded.get("batch_rows"):
    settled.batch_rows = recorded["batch_rows"]
    return settled
  rows, why = _of_machine(mesh)
  unit = mesh.size * config.get("chunks", 1)
  settled.batch_rows = -(-rows // unit) * unit
  say(f"batch_rows = {settled.batch_rows}, for {why}; --config.batch_rows=N takes another number.")
  return settled


def _of_machine(mesh: "jax.sharding.Mesh") -> tuple[int, str]:
  """(rows, what they are for in words)."""
  device = mesh.devices.flat[0]
  if device.platform != "cpu":
    return ROWS, f"{mesh.size} x {device.device_kind}"
  cores = machine.cores()
  return min(ROWS, ROWS_A_CORE * cores), f"{cores} cores"
