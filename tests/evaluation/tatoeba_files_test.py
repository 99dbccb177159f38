"""Files in the layout of LASER's Tatoeba test set."""

import pytest

from labse_jax.base.errors import InputError
from labse_jax.evaluation import tatoeba_files


def write(folder, language, foreign, english):
  (folder / f"tatoeba.{language}-eng.{language}").write_text("\n".join(foreign))
  (folder / f"tatoeba.{language}-eng.eng").write_text("\n".join(english))


def test_languages_and_their_pairs_are_found(tmp_path):
  write(tmp_path, "sr_Latn", ["jedan"], ["one"])
  write(tmp_path, "fra", ["un", "deux"], ["one", "two"])
  (tmp_path / "tatoeba.deu-eng.xxx").write_text("of another language")
  (tmp_path / "README").write_text("")
  assert tatoeba_files.languages_in(tmp_path) == ["fra", "sr_Latn"]
  assert tatoeba_files.read_pairs(tmp_path, "fra") == (["un", "deux"], ["one", "two"])


def damage(folder, what):
  pair = folder / "tatoeba.fra-eng.fra", folder / "tatoeba.fra-eng.eng"
  if what == "unequal":
    pair[1].write_text("one\n")
  elif what == "no English":
    pair[1].unlink()
  elif what == "no foreign":
    pair[0].unlink()
  elif what == "not UTF-8":
    pair[0].write_bytes(b"un\n\xff\xfe\n")
  elif what == "empty":
    pair[0].write_text("")
    pair[1].write_text("")
  elif what == "no files":
    for path in pair:
      path.unlink()


@pytest.mark.parametrize(
  "what, message",
  [
    ("unequal", r"tatoeba\.fra-eng\.fra has 2 lines and .*\.eng 1"),
    ("no English", r"tatoeba\.fra-eng\.eng: no such file"),
    ("no foreign", r"tatoeba\.fra-eng\.fra: no such file"),
    ("not UTF-8", r"tatoeba\.fra-eng\.fra:2: not UTF-8"),
    ("empty", r"tatoeba\.fra-eng\.fra: is empty"),
    ("no files", "holds no file named tatoeba"),
  ],
)
def test_a_folder_that_does_not_fit_is_named(tmp_path, what, message):
  write(tmp_path, "fra", ["un", "deux"], ["one", "two"])
  damage(tmp_path, what)
  with pytest.raises(InputError, match=message):
    for language in tatoeba_files.languages_in(tmp_path):
      tatoeba_files.read_pairs(tmp_path, language)


def test_a_missing_folder_is_named(tmp_path):
  with pytest.raises(InputError, match="nowhere: no such folder"):
    tatoeba_files.languages_in(tmp_path / "nowhere")
