"""What evaluators share: files, choices and aligned lines."""

import gzip

import pytest

from labse_jax.base.errors import InputError
from labse_jax.evaluation import suite_files


def fill(folder, *names):
  for name in names:
    (folder / name).write_text("x\n")


def test_files_are_named_by_their_stems(tmp_path):
  fill(tmp_path, "fra.txt", "srp-Latn.txt.gz", "eng_Latn.dev", "README.md", ".fra.txt", "a.gz")
  (tmp_path / "deu.txt").mkdir()  # Said when it is read.
  found = suite_files.files_in(tmp_path, (".txt", ".dev"))
  assert {name: path.name for name, path in found.items()} == {
    "deu": "deu.txt",
    "eng_Latn": "eng_Latn.dev",
    "fra": "fra.txt",
    "srp-Latn": "srp-Latn.txt.gz",
  }


def test_folders_that_do_not_fit_are_named(tmp_path):
  with pytest.raises(InputError, match="no such folder; it should hold files NAME.txt or NAME.dev"):
    suite_files.files_in(tmp_path / "nowhere", (".txt", ".dev"))
  with pytest.raises(InputError, match=r"holds no file NAME\.txt\."):
    suite_files.files_in(tmp_path, (".txt",))
  fill(tmp_path, "eng.dev", "eng.devtest.gz")
  with pytest.raises(InputError, match=r"eng\.dev and eng\.devtest\.gz are both called 'eng'"):
    suite_files.files_in(tmp_path, (".dev", ".devtest"))


@pytest.mark.parametrize(
  "asked, expected",
  [
    (None, ["a", "b", "c"]),
    ("c, a", ["c", "a"]),
    (["b", "b"], ["b"]),
    ("two", ["a", "c"]),
    (("c", "two"), ["c", "a"]),
  ],
)
def test_languages_are_chosen_in_the_order_asked(asked, expected):
  assert suite_files.choose(asked, ["a", "b", "c"], "data", {"two": ["a", "c"]}) == expected


@pytest.mark.parametrize("groups, more", [(None, r"a, b\.$"), ({"g": ["a"]}, "a, b or the groups")])
def test_unknown_languages_are_named(groups, more):
  with pytest.raises(InputError, match=f"data: holds no language 'x'; choose from {more}"):
    suite_files.choose("x,a,y", ["a", "b"], "data", groups)


def test_no_language_at_all_is_refused():
  with pytest.raises(InputError, match="data: no language is asked for; choose from a, b"):
    suite_files.choose([], ["a", "b"], "data")


def test_aligned_files_are_read_side_by_side(tmp_path):
  (tmp_path / "a").write_text("un\ndeux\n")
  with gzip.open(tmp_path / "b.gz", "wt") as file:
    file.write("one\ntwo\n")
  assert suite_files.read_aligned(tmp_path / "a", tmp_path / "b.gz") == (
    ["un", "deux"],
    ["one", "two"],
  )
  (tmp_path / "c").write_text("one\n")
  with pytest.raises(InputError, match="a has 2 lines and .*c 1; line N of one"):
    suite_files.read_aligned(tmp_path / "a", tmp_path / "c")
  (tmp_path / "d").write_text("")
  with pytest.raises(InputError, match="d: is empty"):
    suite_files.read_aligned(tmp_path / "d", tmp_path / "d")


def test_small_sets_are_put_aside():
  pairs = {"a": (["x"], ["y"]), "b": (["x", "z"], ["y", "y"])}
  count = suite_files.pair_count
  assert suite_files.large_enough(pairs, 2, "data", count=count) == ({"b": pairs["b"]}, {"a": 1})
  assert suite_files.large_enough(pairs, 0, "data", count=count) == (pairs, {})
  counted = suite_files.large_enough({"a": "x", "b": "xyz"}, 2, "data", count=len)
  assert counted == ({"b": "xyz"}, {"a": 1})
  with pytest.raises(InputError, match="data: no language has 3 pairs; the largest has 2"):
    suite_files.large_enough(pairs, 3, "data", count=count)
