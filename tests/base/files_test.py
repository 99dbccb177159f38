import errno
import gzip
import lzma
import os
import pathlib
import re
import stat

import pytest
import zstandard

from labse_jax.base import files
from labse_jax.base.errors import InputError
from labse_jax.base.files import check_outputs, read_lines, replacing, replacing_folder

COMPRESS = {".gz": gzip.compress, ".xz": lzma.compress, ".zst": zstandard.compress}
TEXT = "".join(f"line {i} {os.urandom(4).hex()}\n" for i in range(20_000))


@pytest.mark.parametrize("ending", COMPRESS)
def test_compressed_files_of_several_parts(tmp_path, ending):
  path = tmp_path / f"a.txt{ending}"
  path.write_bytes(COMPRESS[ending](TEXT.encode()) + COMPRESS[ending](b"more"))
  lines = list(read_lines(path))
  assert "\n".join(line for _, line in lines) == TEXT + "more"
  assert lines[-1][0] == 20_001


@pytest.mark.parametrize("ending", COMPRESS)
@pytest.mark.parametrize("kept", [0.5, 0.999])
def test_a_file_cut_short_is_told(tmp_path, ending, kept):
  raw = COMPRESS[ending](TEXT.encode())
  path = tmp_path / f"a.txt{ending}"
  path.write_bytes(raw[: int(len(raw) * kept)])
  with pytest.raises(InputError, match=rf"a\.txt\{ending}: the compressed file is damaged or cut"):
    list(read_lines(path))


@pytest.mark.parametrize("ending", COMPRESS)
def test_a_file_that_is_not_compressed_is_told(tmp_path, ending):
  (tmp_path / f"a{ending}").write_text(TEXT)
  with pytest.raises(InputError, match="damaged"):
    list(read_lines(tmp_path / f"a{ending}"))


def test_only_a_line_feed_ends_a_line(tmp_path):
  path = tmp_path / "a.txt"
  path.write_bytes("\ufeffa\u2028b\x0b\x85c\r\n\nd".encode())
  assert list(read_lines(path)) == [(1, "a\u2028b\x0b\x85c"), (2, ""), (3, "d")]
  assert list(read_lines(path, skip=2)) == [(3, "d")]


def test_bytes_that_are_not_utf8(tmp_path):
  path = tmp_path / "a.txt"
  path.write_bytes(b"good\nab\xff\nlast\n")
  with pytest.raises(InputError, match=r"a\.txt:2: not UTF-8 \(byte 3 of the line\)"):
    list(read_lines(path))
  bad = []
  left = list(read_lines(path, on_bad=lambda *found: bad.append(found)))
  assert left == [(1, "good"), (3, "last")] and bad[0][0] == 2
  assert list(read_lines(path, on_bad=lambda *_: None, keep_bad=True))[1] == (2, None)
  assert list(read_lines(path, latin=True)) == [(1, "good"), (2, "ab\xff"), (3, "last")]


@pytest.mark.parametrize(
  ("raw", "place"),
  [
    (
      "eins\nzwei\ndrei\n".encode("utf-16-le"),
      "a.txt:1: is no text: it has a NUL (byte 2 of the line)",
    ),
    (
      "eins\nzwei\ndrei\n".encode("utf-16-be"),
      "a.txt:1: is no text: it has a NUL (byte 1 of the line)",
    ),
    (b"good\nb\0d\nlast", "a.txt:2: is no text: it has a NUL (byte 2 of the line)"),
  ],
  ids=["utf-16-le", "utf-16-be", "one"],
)
@pytest.mark.parametrize("latin", [False, True])
def test_a_nul_is_no_text(tmp_path, raw, place, latin):
  path = tmp_path / "a.txt"
  path.write_bytes(raw)
  message = re.escape(f"{place}. Convert UTF-16 to UTF-8.")
  with pytest.raises(InputError, match=message):
    list(read_lines(path, latin=latin))


def test_a_line_with_a_nul_may_be_left_out(tmp_path):
  path = tmp_path / "a.txt"
  path.write_bytes(b"good\nb\0d\nlast")
  bad = []
  left = list(read_lines(path, on_bad=lambda *found: bad.append(found)))
  assert left == [(1, "good"), (3, "last")]
  assert bad == [(2, "is no text: it has a NUL (byte 2 of the line). Convert UTF-16 to UTF-8.")]
  assert list(read_lines(path, on_bad=lambda *_: None, keep_bad=True))[1] == (2, None)


def test_missing_files_and_folders_are_told(tmp_path):
  with pytest.raises(InputError, match="no such file"):
    list(read_lines(tmp_path / "none"))
  with pytest.raises(InputError, match="is a folder"):
    list(read_lines(tmp_path))
  (tmp_path / "file").write_text("")
  file = tmp_path / "file"
  with pytest.raises(InputError, match="is a file"), replacing_folder(file, marker="first"):
    pass


def test_an_error_of_a_write_is_given_its_file():
  with pytest.raises(OSError) as caught, files.naming("out.npy"):
    raise OSError(errno.ENOSPC, "full")
  assert caught.value.filename == "out.npy"
  with pytest.raises(OSError) as caught, files.naming("out.npy"):
    raise OSError(errno.ENOSPC, "full", "other")
  assert caught.value.filename == "other"


@pytest.mark.parametrize("ending", ["", *files.COMPRESSIONS])
def test_the_ending_of_a_compression_is_left_out(ending):
  plain = pathlib.Path("a/b.de-en.de")
  assert files.without_compression(f"{plain}{ending}") == plain


def test_a_file_is_replaced_at_the_end_or_not_at_all(tmp_path):
  path = tmp_path / "new" / "a.txt"
  with replacing(path) as file:
    file.write("first")
  with pytest.raises(OSError) as caught, replacing(path) as file:
    file.write("second")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
  assert path.read_text() == "first" and caught.value.filename == str(path)
  assert os.listdir(path.parent) == ["a.txt"]


def test_a_pipe_is_not_replaced(tmp_path):
  pipe = tmp_path / "a.txt"
  os.mkfifo(pipe)
  with pytest.raises(InputError, match=r"a\.txt: is a pipe; a file is needed"), replacing(pipe):
    pass
  assert pipe.is_fifo() and os.listdir(tmp_path) == ["a.txt"]


def test_a_device_is_not_replaced(tmp_path):
  device = tmp_path / "a.txt"
  try:
    os.mknod(device, stat.S_IFCHR | 0o600, os.makedev(1, 3))  # As /dev/null is.
  except PermissionError:
    pytest.skip("only root makes devices")
  (tmp_path / "link").symlink_to(device)
  for path in (device, tmp_path / "link"):
    with pytest.raises(InputError, match="is a device; a file is needed"), replacing(path):
      pass
  assert device.is_char_device() and (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/dev/none.txt"])
def test_nothing_is_written_among_devices(path):
  # The check alone is called: it writes nothing, even where it is wrong.
  with pytest.raises(InputError, match=f"{path}: is a (device|pipe)|is in a folder of devices"):
    files.check_place(path)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "full")])
def test_a_folder_is_replaced_at_the_end_or_not_at_all(tmp_path, error):
  folder = tmp_path / "out"
  for text in ("first", "second"):
    with replacing_folder(folder, marker="first") as partial:
      (partial / text).write_text(text)
  assert os.listdir(folder) == ["second"]
  with pytest.raises(type(error)), replacing_folder(folder, marker="second") as partial:
    (partial / "third").write_text("third")
    raise error
  assert os.listdir(folder) == ["second"] and os.listdir(tmp_path) == ["out"]


def test_the_old_folder_comes_back_when_the_exchange_fails(tmp_path, monkeypatch):
  folder = tmp_path / "out"
  with replacing_folder(folder, marker="first") as partial:
    (partial / "first").touch()
  replace = os.replace

  def failing(source, target):
    if str(source).endswith(".partial"):
      raise OSError(errno.EIO, "broken")
    replace(source, target)

  monkeypatch.setattr(os, "replace", failing)
  with pytest.raises(OSError), replacing_folder(folder, marker="first"):
    pass
  assert os.listdir(folder) == ["first"] and os.listdir(tmp_path) == ["out"]


def test_a_run_killed_between_the_renames_loses_nothing(tmp_path):
  (tmp_path / "out.old").mkdir()
  (tmp_path / "out.old" / "first").touch()
  with pytest.raises(KeyboardInterrupt), replacing_folder(tmp_path / "out", marker="first"):
    raise KeyboardInterrupt
  assert os.listdir(tmp_path / "out") == ["first"] and os.listdir(tmp_path) == ["out"]


def test_what_is_not_ours_is_never_removed(tmp_path):
  (tmp_path / "thesis.txt").write_text("years of work")
  with pytest.raises(InputError, match="holds other files"):
    with replacing_folder(tmp_path, marker="first"):
      pass
  assert os.listdir(tmp_path) == ["thesis.txt"]
  with pytest.raises(InputError, match="name the folder"):
    with replacing_folder(".", marker="first"):
      pass


@pytest.mark.parametrize(
  "outputs, message",
  [
    (["new", "folder"], "folder: is a folder; a file is needed."),
    (["/dev/null"], "/dev/null: is a device; a file is needed."),
    (["new", "folder/../old"], "old: is an input; name another file for the output."),
    (["new", "folder/../new"], "new: is named for two outputs; each needs a file of its own."),
    (["pairs.tsv.gz"], "pairs.tsv.gz: outputs are not compressed; write pairs.tsv, and compress"),
  ],
)
def test_outputs_replace_nothing_but_old_outputs(tmp_path, monkeypatch, outputs, message):
  monkeypatch.chdir(tmp_path)
  (tmp_path / "folder").mkdir()
  (tmp_path / "old").touch()
  check_outputs(["new", "other"], ["old", "missing"])
  check_outputs(["old"], [])
  with pytest.raises(InputError, match=message):
    check_outputs(outputs, ["old", "missing"])
