"""Which slices there are of each kind of TPU, by the number of JAX devices."""

import dataclasses
import math
import re

from labse_jax.base.errors import InputError, known


@dataclasses.dataclass(frozen=True)
class Kind:
  """How one kind of TPU is laid out: the axes of a slice, its JAX devices a chip, most chips."""

  axes: int
  devices: int
  most: int


# The largest slices by the pages of each kind at docs.cloud.google.com/tpu/docs; those of v2, v3
# and v4 are recalled, not checked.
KINDS = {
  "v2": Kind(axes=2, devices=2, most=256),
  "v3": Kind(axes=2, devices=2, most=1_024),
  "v4": Kind(axes=3, devices=1, most=4_096),
  "v5e": Kind(axes=2, devices=1, most=256),
  "v5p": Kind(axes=3, devices=1, most=6_144),
  "v6e": Kind(axes=2, devices=1, most=256),
}


LAYOUT = re.compile(r"([1-9]\d*(?:x[1-9]\d*)*)(_twisted)?")  # Tori of v4 and v5p may be twisted.


def misfit(topology: str) -> str | None:
  """What is wrong with the name of a slice, such as "v5e:2x2x2"; None where nothing is."""
  kind, _, text = topology.partition(":")
  of_kind = KINDS[known("kind of TPU", kind, KINDS)]
  layout = LAYOUT.fullmatch(text)
  sides = [int(side) for side in layout[1].split("x")] if layout else []
  if len(sides) != of_kind.axes:
    example = "x".join("2" * of_kind.axes)
    return f"a slice of {kind} has {of_kind.axes} axes, as in {kind}:{example}."
  if math.prod(sides) > of_kind.most:
    return f"a slice of {kind} has at most {of_kind.most:,} chips."
  return None


def slice_of(kind: str, devices: int) -> str:
  """The slice of so many JAX devices, as near to a square or a cube as there is: "v3:4x8"."""
  of_kind = KINDS[known("kind of TPU", kind, KINDS)]
  chips, rest = divmod(devices, of_kind.devices)
  if chips > of_kind.most:
    most = of_kind.most * of_kind.devices
    raise InputError(
      f"{kind}: no slice has {devices:,} devices; the largest one has {most:,}. Several slices "
      "together, joined by the network of the data center, are not planned."
    )
  sides = None if rest else _sides(chips, of_kind.axes)
  if sides is None:
    raise InputError(
      f"{kind}: no slice has {devices:,} devices; it must be a power of two, from "
      f"{4 * of_kind.devices} on."
    )
  return f"{kind}:{'x'.join(map(str, sides))}"


def _sides(chips: int, axes: int) -> list[int] | None:
  """Powers of two with that product, the smallest first; two of them are two at least."""
  power = chips.bit_length() - 1
  if chips != 1 << power or power < 2:  # A host has 2 x 2 chips.
    return None
  sides = [power // axes] * axes
  for place in range(power % axes):
    sides[-1 - place] += 1
  if axes == 3 and power == 2:
    return [2, 2, 1]
  return [1 << side for side in sides]
