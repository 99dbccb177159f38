"""Safetensors read into place; whatever does not fit is listed, and lies are refused."""

import json
import re

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from labse_jax.base.errors import InputError
from labse_jax.model_folder import tensor_file
from labse_jax.model_folder.tensor_file import Tensors, aligned

RNG = np.random.default_rng(0)
VALUES = {
  "a": RNG.normal(size=(5, 3)).astype(np.float32),
  "b": RNG.normal(size=4).astype(np.float32),
}


@pytest.fixture
def path(tmp_path):
  save_file(VALUES, tmp_path / "model.safetensors")
  return tmp_path / "model.safetensors"


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("block", [4, 1 << 24])
def test_values_come_as_float32_whatever_they_are_stored_as(tmp_path, monkeypatch, dtype, block):
  monkeypatch.setattr(tensor_file, "BLOCK", block)
  stored = {name: value.astype(dtype) for name, value in VALUES.items()}
  save_file(stored, tmp_path / "model.safetensors")
  tensors = Tensors(tmp_path)
  for name, value in stored.items():
    out = aligned(value.shape)
    assert tensors.fill(name, out) is out
    np.testing.assert_array_equal(out, value.astype(np.float32))
    assert tensors.dtype(name) == np.dtype(dtype).name
  tensors.finish()


def test_a_transposed_and_a_strided_view_are_filled(path):
  turned, strided = np.zeros((3, 5), np.float32), np.zeros((4, 2), np.float32)
  tensors = Tensors(path.parent)
  tensors.fill("a", turned.T)
  tensors.fill("b", strided[:, 1])
  np.testing.assert_array_equal(turned, VALUES["a"].T)
  np.testing.assert_array_equal(strided, np.stack([np.zeros(4), VALUES["b"]], 1))


def test_arrays_are_where_jax_can_use_them():
  for shape in [(), (3,), (1000, 7)]:
    assert aligned(shape).ctypes.data % 64 == 0 and aligned(shape).shape == shape


def test_all_that_does_not_fit_is_said_at_once(path):
  tensors = Tensors(path.parent)
  tensors.fill("a", np.zeros((5, 4), np.float32))
  tensors.fill("c", np.zeros(2, np.float32))
  with pytest.raises(InputError) as caught:
    tensors.finish()
  assert str(caught.value).endswith(
    "misshapen: a is F32 (5, 3); F32 (5, 4) is needed; missing: c; not of this model: b."
  )
  tensors = Tensors(path.parent)
  tensors.fill("a", np.zeros((5, 3), np.float32))
  tensors.finish(unused=re.compile("b"))


def test_a_long_list_is_cut(tmp_path):
  save_file(
    {f"t{n:02}": np.zeros(1, np.float32) for n in range(20)}, tmp_path / "model.safetensors"
  )
  with pytest.raises(InputError, match="t10, t11 and 8 more"):
    Tensors(tmp_path).finish()


def test_integers_are_no_weights(tmp_path):
  save_file({"a": np.zeros(3, np.int64), "b": np.zeros(3, np.int8)}, tmp_path / "model.safetensors")
  tensors = Tensors(tmp_path)
  tensors.fill("a", np.zeros(3, np.float32))
  tensors.fill("b", np.zeros(3, np.float32))
  with pytest.raises(InputError, match=r"a is I64 \(3,\); F32.*b is I8"):
    tensors.finish()


def shards(folder, weight_map, files):
  for name, values in files.items():
    save_file(values, folder / name)
  index = folder / "model.safetensors.index.json"
  index.write_text(json.dumps({"weight_map": weight_map}))


def test_shards_are_one_model(tmp_path):
  shards(
    tmp_path,
    {"a": "1.safetensors", "b": "2.safetensors"},
    {f"{n}.safetensors": {name: VALUES[name]} for n, name in enumerate("ab", 1)},
  )
  tensors = Tensors(tmp_path)
  for name, value in VALUES.items():
    np.testing.assert_array_equal(tensors.fill(name, aligned(value.shape)), value)
  assert sorted(tensors) == ["a", "b"] and "a" in tensors and "c" not in tensors


BAD_SHARDS = {
  "a shard that is not there": ({"a": "1.safetensors"}, {}, "1.safetensors: no such file"),
  "a path": ({"a": "../1.safetensors"}, {}, "a file in the same folder"),
  "a number": ({"a": 3}, {}, "a file in the same folder"),
  "a tensor twice": (
    {"a": "1.safetensors", "b": "2.safetensors"},
    {"1.safetensors": VALUES, "2.safetensors": VALUES},
    "also in",
  ),
  "no map": ([], {}, "has no weight_map"),
}


@pytest.mark.parametrize("name", BAD_SHARDS)
def test_bad_shards(tmp_path, name):
  weight_map, files, message = BAD_SHARDS[name]
  shards(tmp_path, weight_map, files)
  with pytest.raises(InputError, match=message):
    Tensors(tmp_path)


def header(change):
  """Rewrites the JSON at the head of the file; the data stay."""

  def apply(data):
    size = int.from_bytes(data[:8], "little")
    content = json.loads(data[8 : 8 + size])
    change(content)
    text = json.dumps(content).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + size :]

  return apply


LIES = {
  "empty": lambda data: b"",
  "half the length": lambda data: data[:4],
  "half the header": lambda data: data[:40],
  "a byte short": lambda data: data[:-1],
  "a byte more": lambda data: data + b"x",
  "a header of exabytes": lambda data: (1 << 60).to_bytes(8, "little") + data[8:],
  "no JSON": lambda data: data[:8] + b"x" * (len(data) - 8),
  "another shape": header(lambda h: h["a"].update(shape=[50, 30])),
  "a negative shape": header(lambda h: h["a"].update(shape=[-5, -3])),
  "offsets past the end": header(lambda h: h["a"].update(data_offsets=[0, 6000])),
  "offsets that overlap": header(lambda h: h["b"].update(data_offsets=h["a"]["data_offsets"])),
  "another type": header(lambda h: h["a"].update(dtype="F64")),
}


@pytest.mark.parametrize("name", LIES)
def test_a_file_that_is_cut_or_lies_is_one_line(path, name):
  path.write_bytes(LIES[name](path.read_bytes()))
  with pytest.raises(InputError, match="model.safetensors: damaged") as caught:
    Tensors(path.parent)
  assert "\n" not in str(caught.value)


def test_a_file_that_shrinks_after_it_was_opened(path):
  tensors = Tensors(path.parent)
  path.write_bytes(path.read_bytes()[:-20])
  with pytest.raises(InputError, match="ends in the middle"):
    for name, value in VALUES.items():
      tensors.fill(name, aligned(value.shape))


def test_a_pickle_is_refused_with_the_way_out(tmp_path):
  with pytest.raises(InputError, match="model.safetensors: no such file"):
    Tensors(tmp_path)
  (tmp_path / "pytorch_model.bin").touch()
  with pytest.raises(InputError, match="pytorch_model.bin: is a pickle.*save_pretrained"):
    Tensors(tmp_path)


def test_who_may_read_the_folder_may_read_the_weights(tmp_path):
  (tmp_path / "other").touch()
  tensor_file.save({"a": VALUES["a"].T}, tmp_path / "model.safetensors")
  assert (tmp_path / "model.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode
  out = aligned((3, 5))
  np.testing.assert_array_equal(Tensors(tmp_path).fill("a", out), VALUES["a"].T)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0), (2, 1), (4, 2)])
@pytest.mark.parametrize("turned", [False, True])
def test_a_value_that_is_not_finite_is_refused(tmp_path, monkeypatch, dtype, bad, place, turned):
  monkeypatch.setattr(tensor_file, "CHECKED", 4)
  values = VALUES["a"].copy()
  values[place] = bad
  save_file({"a": values.astype(dtype)}, tmp_path / "model.safetensors")
  out = np.zeros((3, 5), np.float32).T if turned else aligned((5, 3))
  with pytest.raises(InputError, match="model.safetensors: a has a value that is not finite"):
    Tensors(tmp_path).fill("a", out)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_not_written(tmp_path, bad):
  path = tmp_path / "model.safetensors"
  with pytest.raises(FloatingPointError, match="b has a value that is not finite; no model is wri"):
    tensor_file.save({"a": VALUES["a"], "b": np.array([1, bad], np.float32)}, path)
  assert not path.exists()
