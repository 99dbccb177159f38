"""A small file that unpacks to a large one is refused before it fills the memory."""

import gzip
import lzma
import tracemalloc

import pytest
import zstandard

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_lines
from labse_jax.base.reading.limits import limits
from labse_jax.data.filters import contamination
from labse_jax.mining.alignment_scores import read_gold

MB = 10**6
COMPRESS = {
  ".gz": lambda raw: gzip.compress(raw, 1),
  ".xz": lambda raw: lzma.compress(raw, preset=0),
  ".zst": zstandard.compress,
}


@pytest.fixture(scope="module")
def bombs(tmp_path_factory):
  """{ending: a file that unpacks to a good line and one of 100 MB}."""
  folder = tmp_path_factory.mktemp("bombs")
  paths = {}
  for ending, compress in COMPRESS.items():
    paths[ending] = folder / f"a.txt{ending}"
    paths[ending].write_bytes(compress(b"good\n" + bytes(100 * MB)))
  return paths


@pytest.mark.parametrize("ending", COMPRESS)
def test_a_long_line_is_refused_before_it_fills_the_memory(bombs, ending):
  lines = read_lines(bombs[ending])
  tracemalloc.start()
  assert next(lines) == (1, "good")
  with pytest.raises(InputError, match=rf"a\.txt\{ending}:2: has more than 16 MB; --max-line-mb"):
    next(lines)
  peak = tracemalloc.get_traced_memory()[1]
  tracemalloc.stop()
  assert peak < 70 * MB


def test_every_reader_of_lines_has_the_limit(tmp_path, monkeypatch):
  monkeypatch.setattr(limits, "line_mb", 1)
  path = tmp_path / "gold"
  path.write_bytes(b"[0]:[0]\n" + bytes(MB + 1))
  for read in (lambda: read_gold(path, (1, 1)), lambda: contamination.filters([path])):
    with pytest.raises(InputError, match="gold:2: has more than 1 MB"):
      read()


def test_a_line_may_be_as_long_as_the_limit(tmp_path, monkeypatch):
  monkeypatch.setattr(limits, "line_mb", 1)
  path = tmp_path / "a.txt"
  line = "a" * (MB - 1)
  path.write_text(f"{line}\n{line}a")
  assert [len(line) for _, line in read_lines(path)] == [MB - 1, MB]
  path.write_text(f"{line}a\n")
  with pytest.raises(InputError, match="a.txt:1: has more than 1 MB"):
    list(read_lines(path))


@pytest.mark.parametrize("ending", [".json", ".csv"])
def test_a_benchmark_that_is_kept_in_memory_has_the_limit_of_a_file(tmp_path, monkeypatch, ending):
  monkeypatch.setattr(limits, "member_mb", 1)
  path = tmp_path / f"a{ending}.gz"
  path.write_bytes(gzip.compress(b'"a",\n' * MB))
  with pytest.raises(InputError, match="has more than 1 MB .unpacked.; --max-member-mb"):
    contamination.filters([path])
