"""A hash of a step before it is compiled, by which a stored plan shows its age."""

from collections.abc import Mapping
import hashlib
import re

import jax

LOWERED_FOR = {"gpu": "cuda"}  # What JAX calls a platform when it lowers for it.
# The code of a kernel of Pallas or Triton, which holds names of files and numbers of lines.
KERNEL_CODE = re.compile(r'(\\22body\\22: ?\\22)[^\\]*|("body": ?")[^"]*')
CUDNN = "dot_product_attention"  # What JAX calls its kernel of attention.


def program_hash(traced: jax.stages.Traced, platform: str) -> str:
  """A hash of what JAX hands to the compiler (StableHLO), without the places in the source.

  JAX hands cuDNN's attention on only where a device is there. With it, the hash is that of what JAX
  traced (the jaxpr).

  The step must have been traced for an abstract mesh, or the devices of one machine show. It needs
  no compiler. Another version of JAX may give another hash. A change inside of a kernel of Pallas
  may leave the hash as it is, since the code of the kernel is left out.
  """
  traced_text = str(traced.jaxpr)
  if CUDNN in traced_text:
    return text_hash(traced_text)
  lowered = traced.lower(lowering_platforms=(LOWERED_FOR.get(platform, platform),))
  return text_hash(lowered.as_text())


def text_hash(text: str) -> str:
  """The hash of a program's text."""
  text = KERNEL_CODE.sub(lambda found: found[1] or found[2], text)
  return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def abstract_mesh(
  axes: Mapping[str, int], platform: str, device_kind: str
) -> jax.sharding.AbstractMesh:
  """A mesh of so many devices along each axis, none of which need be there."""
  return jax.sharding.AbstractMesh(
    tuple(axes.values()),
    tuple(axes),
    axis_types=(jax.sharding.AxisType.Auto,) * len(axes),
    abstract_device=jax.sharding.AbstractDevice(device_kind, None, platform),
  )
