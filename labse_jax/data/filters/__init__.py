"""What of the rows is dropped, and why: a module for each kind of filter."""

from collections.abc import Callable

from labse_jax.data.sources import Pair

# What a report calls it, and whether it drops a row.
Filter = tuple[str, Callable[[Pair], bool]]
