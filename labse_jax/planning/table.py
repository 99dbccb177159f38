"""A plan as a table that a person reads."""

from typing import Any

from labse_jax.planning.compilation import CUDA_COMPILER

KINDS = {
  "parameters": "parameters",
  "optimiser_state": "optimiser state",
  "batch": "batch",
  "padding": "padding of these",
  "outputs": "outputs",
  "temporaries": "activations and gradients, at the peak",
  "program": "program",
}

COMPILERS = {"tpu": "libtpu", "gpu": CUDA_COMPILER}
TIMED = {
  "products": "products with weights",
  "attention": "products of attention",
  "softmax": "softmax and its masks",
  "norms": "layer norms",
  "dropout": "dropout",
  "copies": "copies and transposes",
  "collectives": "waiting for collectives",
  "other": "all other",
}


def page(plan: dict[str, Any]) -> str:
  """The table of a plan, per chip; a chip is one JAX device."""
  sections = [
    _head(plan),
    _memory(plan),
    _arithmetic(plan),
    _time(plan),
    _collectives(plan),
    _batch(plan),
    _scaling(plan),
  ]
  return "\n\n".join("\n".join(lines) for lines in sections if lines)


def _head(plan):
  mesh = ", ".join(f"{name} {size}" for name, size in plan["mesh"].items())
  versions = plan["versions"]
  package = COMPILERS.get(plan["platform"])
  compiler = f"{package} {versions[package]} for " if package else ""
  return [
    "",
    f"{plan['devices']} x {plan['device_kind']} ({plan['topology']}; mesh: {mesh}), a batch of "
    f"{plan['batch_rows']:,} rows: {plan['rows_per_chip']:,} a chip",
    _ways(plan),
    f"An estimate by the compiler of {compiler}jax {versions['jax']}; nothing was run.",
  ]


def _ways(plan):
  """How the step is computed; a config may have left it to "auto"."""
  remat = "computed again (remat)" if plan["remat"] else "kept (no remat)"
  unroll = "each compiled by itself (unroll)" if plan["unroll"] else "a loop (no unroll)"
  return f"Attention: {plan['attention']}; activations: {remat}; layers: {unroll}."


def _memory(plan):
  rows = []
  for kind, size in plan["memory"].items():
    rows.append((KINDS[kind], amount(size)))
  rows.append(("in all", amount(plan["bytes_used_per_chip"])))
  usable = plan["bytes_usable_per_chip"]
  memory = plan["bytes_per_chip"]
  if usable:
    name = "what a chip can give"
    if usable != memory:
      name += f" (of its {amount(memory).strip()})"
    rows.append((name, amount(usable)))
  verdict = {True: "It fits.", False: "IT DOES NOT FIT.", None: "What fits is not known here."}
  lines = ["Memory of a chip (one JAX device)", *_table(rows), f"  {verdict[plan['fits']]}"]
  if plan["refused"]:
    lines.append(f"  The compiler refused: {plan['refused']}")
  return lines


def _arithmetic(plan):
  total = plan["flops_per_step"]
  rows = [("a step, all chips", flops(total)), ("a step, a chip", flops(plan["flops_per_chip"]))]
  if plan["seconds_at_peak"]:
    peak = f"{plan['peak_flops_per_chip'] / 1e12:g} TFLOP/s"
    rows.append((f"time at the peak of {peak} in bfloat16", seconds(plan["seconds_at_peak"])))
  lines = ["Arithmetic (of matrix products only)", *_table(rows)]
  full_precision = plan["flops_by_type"].get("float32 highest", 0)
  share = full_precision / max(total, 1)
  if share >= 0.005 and plan["platform"] == "tpu":
    lines.append(f"  {share:.0%} of it is float32 in full precision: several passes on a TPU.")
  return lines


def _time(plan):
  total = plan["step_seconds_limit"]
  if total is None:
    return []
  rows = []
  for category, spent in plan["limit_by_category"].items():
    if spent:
      rows.append((TIMED[category], f"{seconds(spent)} {spent / total:4.0%}"))
  rows.append(("a step", f"{seconds(total)}     "))
  rows.append(("MFU at best", f"{plan['mfu_limit']:.1%}     "))
  rows.append(
    (
      "read and written in a chip's memory, without collectives",
      f"{amount(plan['memory_traffic'])}     ",
    )
  )
  lines = ["Time of a step by the program, if nothing else holds it up", *_table(rows)]
  for one in plan["own_rooflines"]:
    if one["seconds"] > 0.01 * total:
      lines.append(
        f"  of it {seconds(one['seconds'])} for {one['times']}x {one['kernel']}, by its bytes or "
        "its products alone."
      )
  unknown = plan["kernels_in_loops_of_unknown_length"]
  if unknown:
    lines.append(f"  {unknown} kernels stand in loops whose length is not known: counted once.")
  return lines


def _collectives(plan):
  if plan["collective_bytes"] is None:
    return ["Collectives: not known, since the compiler refused."]
  rows = [(kind, amount(size)) for kind, size in plan["collective_bytes"].items() if size]
  if not rows:
    return ["Collectives: none."]
  lines = ["Sent by a chip in a step", *_table(rows), "  the largest:"]
  for one in plan["largest_collectives"][:5]:
    shape = one["shape"]
    if len(shape) >= 50:
      shape = shape[:47] + "..."
    lines.append(
      f"  {amount(one['bytes'])}  {one['kind']} {shape}, {one['chips']} chips, {one['times']}x"
    )
  unknown = plan["collectives_in_loops_of_unknown_length"]
  if unknown:
    lines.append(f"  {unknown} of them stand in loops whose length is not known: counted once.")
  return lines


def _batch(plan):
  batch = plan["largest_batch"]
  if batch is None:
    return []
  more = batch["rows_per_chip_that_do_not_fit"]
  if batch["rows_per_chip"] is None:
    return [f"Largest batch that fits: none was found; {more:,} rows a chip do not fit."]
  tail = f"; {more:,} do not" if more else "; more was not tried"
  said = (
    f"Largest batch that fits: {batch['rows_per_chip']:,} rows a chip{tail} "
    f"({batch['batch_rows']:,} rows in all)."
  )
  if batch["remat"] != plan["remat"]:
    said += f" It is computed with{'' if batch['remat'] else 'out'} remat."
  return [said]


def _scaling(plan):
  scaling = plan.get("scaling")
  if scaling is None:
    return []
  lines = [
    f"With {scaling['rows_per_chip']:,} rows a chip",
    f"  {'chips':>6}  {'memory':>12}  {'sent':>12}  {'a step':>8}  {'MFU':>6}",
  ]
  for step in scaling["steps"]:
    if step["refused"]:
      lines.append(f"  {step['devices']:>6,}  {amount(step['bytes_used_per_chip'])}  does not fit")
      continue
    sent = sum(step["collective_bytes"].values())
    line = f"  {step['devices']:>6,}  {amount(step['bytes_used_per_chip'])}  {amount(sent)}"
    if step["step_seconds_limit"] is not None:
      line += f"  {seconds(step['step_seconds_limit']):>8}  {step['mfu_limit']:>6.1%}"
    lines.append(line)
  if scaling["flat"]:
    lines.append("  Memory and what is sent stay the same within 5 %.")
  else:
    lines.append("  Not the same within 5 %:")
    lines += [f"  - {said}" for said in scaling["findings"]]
  return lines


def _table(rows):
  width = max(len(name) for name, _ in rows)
  return [f"  {name.ljust(width)}  {value:>14}" for name, value in rows]


def amount(size: int) -> str:
  """Bytes as people read them."""
  for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
    if abs(size) >= unit:
      return f"{size / unit:8.2f} {name}"
  return f"{size:8d} B  "


def flops(number: float) -> str:
  """Floating-point operations as people read them."""
  for unit, name in ((1e12, "TFLOP"), (1e9, "GFLOP"), (1e6, "MFLOP")):
    if number >= unit:
      return f"{number / unit:,.2f} {name}"
  return f"{number:,.0f} FLOP"


def seconds(number: float) -> str:
  """A time as people read it."""
  for unit, name in ((1, "s"), (1e-3, "ms")):
    if number >= unit:
      return f"{number / unit:.3g} {name}"
  return f"{number * 1e6:.3g} us"
