"""How a step is computed where a config leaves it to the machine: attention, remat and unroll."""

import jax

from labse_jax.base.console import say
from labse_jax.base.errors import InputError, known
from labse_jax.base.machine import check_dtype
from labse_jax.base.sharding import first_device
from labse_jax.base.types import Config
from labse_jax.base.writing import agreement
from labse_jax.models import attention
from labse_jax.planning.activations import BYTES, activation_bytes, state_bytes
from labse_jax.planning.chips import chip

ROOM = 0.8  # The share of a device's memory that an estimate may fill.


def settle_step(config: Config, mesh: jax.sharding.Mesh | jax.sharding.AbstractMesh) -> Config:
  """The config, with a value in place of each "auto" of attention, remat and unroll.

  - `attention`: the fastest way that the platform, the length of the rows and the model allow.
  - `remat`: whether activations are made again on the way back. On a GPU or TPU they are where
    they are estimated not to fit; on a CPU they are not.
  - `unroll`: whether each layer is compiled by itself. It is where activations are kept.

  Raises InputError for another value of remat or unroll than "auto", true and false, for a way of
  attention that the model cannot take, and for a dtype that the device does not have.
  """
  settled = config.copy_and_resolve_references()
  device = first_device(mesh)
  check_dtype(known("config.dtype", config.dtype, BYTES), device)
  with settled.unlocked(), settled.ignore_type():  # A word gives way to true or false.
    settled.attention = _way(config, device)
    remat = _switch("remat", config.remat)
    if remat is None:
      remat = agreement.of_first(device.platform != "cpu" and not _fits(settled, mesh))
    settled.remat = remat
    unroll = _switch("unroll", config.get("unroll", False))
    settled.unroll = not remat if unroll is None else unroll
  return settled


def _switch(name: str, value: bool | str) -> bool | None:
  """A field that is true, false or "auto", for which this is None; flags give words."""
  words = {"auto": None, "true": True, "false": False}
  return words[known(f"config.{name}", str(value).lower(), words)]


def _way(config: Config, device: jax.Device | jax.sharding.AbstractDevice) -> str:
  """The way of attention, of attention.WAYS; says why it is not the platform's fused one."""
  platform = device.platform
  layer = attention.Layer(
    kind=device.device_kind,
    length=config.length,
    head=config.model.width // config.model.heads,
    dtype=config.dtype,
    relative=bool(config.model.get("relative_buckets", 0)),
    dropout=config.model.get("attention_dropout", config.model.dropout) > 0,
  )
  auto = attention.AUTO
  asked = known("config.attention", config.get("attention", auto), (auto, *attention.WAYS))
  if asked != auto:
    reason = attention.reason_against(asked, platform, layer)
    if reason:
      raise InputError(
        f"config.attention = {asked!r}: not here, since {reason}; choose 'auto' or 'xla'."
      )
    return asked
  way = attention.best_way(platform, layer)
  fused = attention.fused_way(platform, config.length)
  if fused and way != fused:
    reason = attention.reason_against(fused, platform, layer)
    say(f"attention is computed by XLA, not by the faster kernel {fused}, since {reason}.")
  return way


def _fits(config: Config, mesh: jax.sharding.Mesh | jax.sharding.AbstractMesh) -> bool:
  """Whether a step that keeps all activations is estimated to fit; True where no limit is known."""
  here = chip([first_device(mesh)])
  if here is None:
    return True
  texts = config.batch_rows * _texts_of_a_row(config)
  tokens = texts * config.length // (mesh.size * config.get("chunks", 1))
  kept = activation_bytes(
    config.model,
    tokens=tokens,
    length=config.length,
    dtype=config.dtype,
    fused=config.attention in attention.FUSED,
  )
  return kept + state_bytes(config.model, fsdp=config.mesh.fsdp) <= ROOM * here.usable


def _texts_of_a_row(config: Config) -> int:
  """How many packed rows of tokens a row of the batch has: both sides and the hard negatives."""
  if "slots" not in config:  # A row of masked language modelling is one.
    return 1
  hard = config.get("hard_negatives") or {}
  return 2 + (hard.get("k") or 0)
