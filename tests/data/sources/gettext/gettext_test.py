import gzip
import subprocess
import sys
import time
import zipfile

import polib
import pytest

from labse_jax.base import workers
from labse_jax.base.errors import InputError
from labse_jax.base.reading.limits import limits
from labse_jax.data.sources import Counts, gettext, read

SLAVIC = (
  "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20)"
  " ? 1 : 2);"
)
LATVIAN = "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n != 0 ? 1 : 2);"


def catalogue(*entries, plural_forms=SLAVIC, language="ru"):
  file = polib.POFile()
  file.metadata = {
    "Content-Type": "text/plain; charset=UTF-8",
    "Plural-Forms": plural_forms,
    "Language": language,
  }
  file.extend(polib.POEntry(**entry) for entry in entries)
  return file


def save(path, file):
  path.parent.mkdir(parents=True, exist_ok=True)
  file.save(str(path)) if path.suffix == ".po" else file.save_as_mofile(str(path))
  return path


def read_all(*paths):
  counts = Counts()
  return list(read([str(path) for path in paths], counts=counts)), counts


@pytest.mark.parametrize("ending", [".po", ".mo"])
def test_entries(tmp_path, ending):
  file = catalogue(
    {"msgid": "Save file", "msgstr": "Сохранить", "msgctxt": "menu"},
    {"msgid": "Not sure", "msgstr": "Не точно", "flags": ["fuzzy"]},
    {"msgid": "Nothing yet", "msgstr": ""},
    {"msgid": "URL", "msgstr": "URL"},
    {"msgid": "Two\n  lines", "msgstr": "Две\nстроки"},
    {"msgid": "%s: %d", "msgstr": "%s : %d"},
    {"msgid": "Removed one", "msgstr": "Нет", "obsolete": True},
    {"msgid": "label_save_file", "msgstr": "Сохранить"},
  )
  pairs, counts = read_all(save(tmp_path / f"ru{ending}", file))
  texts = {pair[3:] for pair in pairs}  # A .mo file has its own order.
  assert texts == {("Save file", "Сохранить"), ("Two lines", "Две строки")}
  assert {pair[:3] for pair in pairs} == {("eng", "rus", "ru")}
  dropped = {"not translated": 2, "fuzzy": 1, "no words": 1, "identifier": 1}
  if ending == ".mo":  # Fuzzy and empty entries are not compiled.
    dropped = {"not translated": 1, "no words": 1, "identifier": 1}
  assert +counts.dropped == dropped
  assert counts.rows == len(pairs) + sum(dropped.values())


@pytest.mark.parametrize("ending", [".po", ".mo"])
@pytest.mark.parametrize(
  ("plural_forms", "forms", "pairs"),
  [
    (SLAVIC, ["файл", "файла", "файлов"], [("{} file", "файл"), ("{} files", "файлов")]),
    # The last form of Latvian is for none at all.
    (LATVIAN, ["fails", "faili", "failu"], [("{} file", "fails"), ("{} files", "faili")]),
    ("nplurals=1; plural=0;", ["ファイル"], [("{} files", "ファイル")]),
    ("broken", ["Datei", "Dateien"], [("{} file", "Datei"), ("{} files", "Dateien")]),
  ],
)
def test_plural_forms(tmp_path, ending, plural_forms, forms, pairs):
  entry = {"msgid": "%d file", "msgid_plural": "%d files", "msgstr_plural": dict(enumerate(forms))}
  path = save(tmp_path / f"de{ending}", catalogue(entry, plural_forms=plural_forms))
  assert [pair[3:] for pair in read_all(path)[0]] == pairs


def test_identifiers_are_replaced_by_their_default_text(tmp_path):
  entry = {"msgid": "label_on", "msgstr": "An", "comment": 'Default: "Turn \\"it\\"\non"'}
  path = save(tmp_path / "de.po", catalogue(entry))
  assert read_all(path)[0][0][3:] == ('Turn "it" on', "An")


@pytest.mark.parametrize(
  ("text", "is_identifier"),
  [
    *(("label_is_on", True), ("a.b", True), ("a:b/c_d", True), ("a-b", False), ("_a", False)),
    *(
      ("a_", False),
      ("__a", True),
      ("ab..c", False),
      (".a", False),
      ("a.", False),
      ("word", False),
    ),
    ("_".join("a" * 60), True),
    # With an "_" that can be read in two ways, each part doubles the time.
    ("_".join("a" * 60) + "!", False),
    ("_" * 100_000 + "!", False),
    ("a." * 100_000 + "!", False),
  ],
)
def test_identifiers(tmp_path, text, is_identifier):
  path = save(tmp_path / "de.po", catalogue({"msgid": text, "msgstr": "Ein Text"}))
  start = time.perf_counter()
  _, counts = read_all(path)
  assert time.perf_counter() - start < 2
  assert counts.dropped["identifier"] == is_identifier


def test_a_long_name_in_an_archive_takes_no_time(tmp_path):
  name = "a" * 60_000 + "/de.po"
  path = wheel(tmp_path / "x.whl", **{name: b'msgid "A text"\nmsgstr "Ein Text"\n'})
  start = time.perf_counter()
  assert read_all(path)[0][0].target_language == "deu"
  assert time.perf_counter() - start < 2


METADATA = "License-Expression: MIT\nClassifier: License :: OSI :: BSD"


def wheel(path, metadata=METADATA, **catalogues):
  with zipfile.ZipFile(path, "w") as archive:
    archive.writestr(
      "pack-1.dist-info/METADATA",
      f"Name: Pack\nVersion: 1.2\n{metadata}\n\nx",
    )
    for place, raw in catalogues.items():
      archive.writestr(place.replace("__", "."), raw)
  return path


def test_a_wheel_is_read_in_place(tmp_path):
  file = catalogue({"msgid": "Save file", "msgstr": "Gespeichert"})
  old = catalogue({"msgid": "Save file", "msgstr": "compiled"})
  po = save(tmp_path / "a.po", file).read_bytes()
  mo = save(tmp_path / "a.mo", old).read_bytes()
  places = {
    "pack/locale/de/LC_MESSAGES/x__po": po,
    "pack/locale/de/LC_MESSAGES/x__mo": mo,
    "pack/locale/sr@latin/LC_MESSAGES/x__mo": mo,
    "pack/locale/en_GB/LC_MESSAGES/x__po": po,
    "pack/locale/qpv/LC_MESSAGES/x__po": po,
    "pack/locale/fr/LC_MESSAGES/x__po": b'msgid "cut\nmsgstr ',
  }
  path = wheel(tmp_path / "pack.whl", **places)
  before = sorted(tmp_path.iterdir())
  pairs, counts = read_all(path)
  assert [(pair[1], pair.target) for pair in pairs] == [
    ("deu", "Gespeichert"),
    ("srp-Latn", "compiled"),
  ]
  assert counts.packages == {"Pack": {"version": "1.2", "licence": "MIT"}}
  assert counts.dropped["English variant"] == counts.dropped["no known language"] == 1
  assert counts.bad == 1 and "fr/LC_MESSAGES/x.po: not a gettext" in counts.first_bad[0]
  assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
  ("metadata", "licence"),
  [
    (METADATA, "MIT"),
    ("License: GPL v2\nClassifier: License :: OSI :: BSD", "GPL v2; BSD"),
    ("License: The\n   whole text\nClassifier: License :: OSI :: BSD", "BSD"),
    ("Summary: none", "not stated"),
  ],
)
def test_the_licence_of_a_wheel(tmp_path, metadata, licence):
  file = save(tmp_path / "de.po", catalogue({"msgid": "Save it", "msgstr": "Los"}))
  path = wheel(tmp_path / "p.whl", metadata, **{"de/LC_MESSAGES/x.po": file.read_bytes()})
  assert read_all(path)[1].packages["Pack"]["licence"] == licence


def test_a_folder(tmp_path):
  save(tmp_path / "p/de/LC_MESSAGES/x.po", catalogue({"msgid": "Save it", "msgstr": "Los jetzt"}))
  pairs, _ = read_all(tmp_path / "p")
  assert pairs[0][:3] == ("eng", "deu", "p")


@pytest.mark.parametrize(
  ("name", "raw", "message"),
  [
    ("de.po", b'msgid "cut\nmsgstr ', "de.po: not a gettext catalogue: .*line"),
    ("de.mo", b"\xde\x12\x04\x95\0\0\0\0\x05\0\0\0", "de.mo: not a gettext catalogue: cut short"),
    ("x.whl", b"PK\3\4", "x.whl: the archive is damaged"),
  ],
)
def test_a_broken_file_is_told(tmp_path, name, raw, message):
  (tmp_path / name).write_bytes(raw)
  with pytest.raises(InputError, match=message):
    read_all(tmp_path / name)


def test_one_odd_message_loses_no_catalogue_of_a_wheel(tmp_path):
  places = {}
  for number, text in enumerate(["one\u2028two", "one\x85two", "one\x0btwo", "one\x1ctwo"]):
    raw = f'#.a comment\n#,c-format\nmsgid "{text}"\nmsgstr "eins {number}"\n'
    places[f"locale/de/LC_MESSAGES/{number}.po"] = raw.encode()
  pairs, counts = read_all(wheel(tmp_path / "x.whl", **places))
  assert [pair[3:] for pair in pairs] == [("one two", f"eins {number}") for number in range(4)]
  assert counts.bad == 0


@pytest.mark.parametrize("ending", [".po", ".mo"])
def test_a_catalogue_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch, ending):
  monkeypatch.setattr(limits, "member_mb", 1)
  raw = save(tmp_path / f"de{ending}", catalogue({"msgid": "One", "msgstr": "Eins"})).read_bytes()
  raw += (b"#" * 999 + b"\n") * 1000
  message = "has more than 1 MB .unpacked.; --max-member-mb of `prepare` allows more"
  (tmp_path / f"de{ending}.gz").write_bytes(gzip.compress(raw))
  (tmp_path / "folder").mkdir()
  (tmp_path / "folder" / f"de{ending}").write_bytes(raw)
  with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr(f"de{ending}", raw)
  for path in (f"de{ending}.gz", "folder", "x.zip"):
    with pytest.raises(InputError, match=f"{path}.*{message}"):
      read_all(tmp_path / path)
  monkeypatch.setattr(limits, "member_mb", 2)
  for path in (f"de{ending}.gz", "folder", "x.zip"):
    assert len(read_all(tmp_path / path)[0]) == 1


def test_a_long_line_of_a_catalogue_is_refused(tmp_path, monkeypatch):
  monkeypatch.setattr(limits, "line_mb", 1)
  raw = b'msgid "a"\nmsgstr "b"\n#' + b"a" * 10**6
  (tmp_path / "de.po").write_bytes(raw)
  with pytest.raises(InputError, match="de.po:3: has more than 1 MB; --max-line-mb"):
    read_all(tmp_path / "de.po")
  with pytest.raises(InputError, match="x.whl/a/de.po:3: has more than 1 MB"):
    read_all(wheel(tmp_path / "x.whl", **{"a/de.po": raw}))


def test_only_the_beginning_of_metadata_is_read(tmp_path, monkeypatch):
  monkeypatch.setattr(gettext, "_METADATA_BYTES", 60)
  file = save(tmp_path / "de.po", catalogue({"msgid": "Save it", "msgstr": "Los"}))
  metadata = "License: MIT\nSummary: " + "a" * 1000 + "\nLicense-Expression: BSD"
  path = wheel(tmp_path / "p.whl", metadata, **{"de/LC_MESSAGES/x.po": file.read_bytes()})
  assert read_all(path)[1].packages["Pack"] == {"version": "1.2", "licence": "MIT"}


def test_a_container_without_catalogues_is_told(tmp_path):
  with pytest.raises(InputError, match="no .po or .mo file"):
    read_all(wheel(tmp_path / "x.whl"))
  with pytest.raises(InputError, match="no such file"):
    read_all(tmp_path / "none.whl")


@pytest.fixture
def numbers_of_workers(monkeypatch):
  """Makes parts of about one file, and `use(number)` of workers; lists the numbers in use."""
  numbers = []
  in_order = workers.in_order

  def spied(start, items, *, workers):
    numbers.append(workers)
    return in_order(start, items, workers=workers)

  def use(number):
    monkeypatch.setattr(workers, "number_of_workers", lambda: number)

  monkeypatch.setattr(workers, "in_order", spied)
  monkeypatch.setattr(gettext, "PART_BYTES", 300)
  monkeypatch.setattr(gettext, "FEW_BYTES", 2000)
  return numbers, use


def many_catalogues(folder):
  """Two wheels, a folder and a file of catalogues, of which some are broken or of no use."""
  broken = b'msgid "cut\nmsgstr '
  paths = []
  for name in ("one", "two"):
    places = {}
    for number, language in enumerate(["de", "fr", "pl", "xx", "en_GB", "sr@latin", "ja", "ru"]):
      entry = {"msgid": f"Save %s in {name}", "msgstr": f"Text {number} %d"}
      raw = save(folder / "raw" / "x.po", catalogue(entry, {"msgid": "?"})).read_bytes()
      places[f"locale/{language}/LC_MESSAGES/x.po"] = raw
      places[f"locale/{language}/LC_MESSAGES/y{number}.po"] = broken
    paths.append(wheel(folder / f"{name}.whl", **places))
  for language in ("it", "es"):
    entry = {"msgid": "A file", "msgstr": f"Uno {language}"}
    save(folder / "p" / language / "LC_MESSAGES" / "x.mo", catalogue(entry))
  return [*paths, folder / "p", save(folder / "nl.po", catalogue({"msgid": "No", "msgstr": "Nee"}))]


def test_workers_read_what_one_process_reads(tmp_path, numbers_of_workers):
  numbers, use = numbers_of_workers
  paths = many_catalogues(tmp_path)
  use(1)
  pairs, counts = read_all(*paths)
  assert len(pairs) == 2 * 6 + 2 + 1 and counts.bad == 16 and len(counts.first_bad) == 5
  use(2)
  found, found_counts = read_all(*paths)
  assert numbers == [1, 2]
  assert found == pairs and vars(found_counts) == vars(counts)
  assert list(found_counts.dropped) == list(counts.dropped)


@pytest.mark.parametrize("number", [1, 2])
def test_the_first_wrong_input_is_told(tmp_path, numbers_of_workers, number):
  numbers, use = numbers_of_workers
  use(number)
  paths = many_catalogues(tmp_path)
  (tmp_path / "cut.po").write_bytes(b'msgid "cut\nmsgstr ')
  with pytest.raises(InputError, match="cut.po: not a gettext catalogue"):
    read_all(*paths, tmp_path / "cut.po", *paths, tmp_path / "none.po")
  with pytest.raises(InputError, match="none.po: no such file"):
    read_all(*paths, tmp_path / "none.po", *paths, tmp_path / "cut.po")
  with pytest.raises(InputError, match="x.whl: no .po or .mo file in it"):
    read_all(*paths, wheel(tmp_path / "x.whl"), tmp_path / "cut.po")
  assert numbers == [number] * 3


def test_a_damaged_catalogue_of_a_wheel_is_told(tmp_path, numbers_of_workers):
  _, use = numbers_of_workers
  use(2)
  paths = many_catalogues(tmp_path)
  raw = paths[1].read_bytes()
  paths[1].write_bytes(raw.replace(b"Save %s in two", b"Save %s in TWO", 1))
  with pytest.raises(InputError, match="two.whl: the archive is damaged or cut short .Bad CRC"):
    read_all(*paths)


def test_little_input_and_one_file_need_no_workers(tmp_path, numbers_of_workers):
  numbers, use = numbers_of_workers
  use(2)
  entry = {"msgid": "One", "msgstr": "Eins"}
  read_all(save(tmp_path / "a.po", catalogue(entry)), save(tmp_path / "b.po", catalogue(entry)))
  read_all(save(tmp_path / "c.po", catalogue({"msgid": "One", "msgstr": "Eins" * 1000})))
  assert numbers == [1, 1]


def test_a_worker_starts_without_the_large_libraries():
  code = (
    "import sys, labse_jax.base.workers, labse_jax.data.sources.gettext\n"
    "large = {'jax', 'flax', 'tensorflow_datasets', 'numpy', 'polib'} & set(sys.modules)\n"
    "sys.exit(f'imported: {large}' if large else 0)"
  )
  subprocess.run([sys.executable, "-c", code], check=True)
