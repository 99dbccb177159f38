"""Translation memories as other tools write them."""

import tracemalloc

import pytest

from labse_jax.base.errors import InputError
from labse_jax.base.reading.limits import limits
from labse_jax.data.sources import Counts, read

HEAD = (
  '<?xml version="1.0"?>\n<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n<tmx version="1.4"><header/><body>'
)
UNIT = """
<tu><tuv xml:lang="en-US"><seg>Press <bpt i="1">&lt;b></bpt>OK<ept i="1">&lt;/b></ept>.</seg></tuv>
<tuv lang="de"><seg>Drücke <hi>OK</hi>.</seg></tuv>
<tuv xml:lang="FR"><seg>Appuyez.</seg></tuv></tu>"""
TAIL = "\n</body></tmx>"


def read_text(tmp_path, text, **options):
  path = tmp_path / "a.tmx"
  path.write_text(text, "utf-8")
  counts = Counts()
  return list(read([str(path)], counts=counts, **options)), counts


def test_the_first_variant_is_paired_with_the_others(tmp_path):
  pairs, counts = read_text(tmp_path, HEAD + UNIT + TAIL)
  assert [pair[:2] for pair in pairs] == [("en-US", "de"), ("en-US", "FR")]
  assert pairs[0][3:] == ("Press OK.", "Drücke OK.")
  assert counts.rows == 2


@pytest.mark.parametrize(
  ("source", "target", "languages"),
  [
    ("en", "de", [("en-US", "de")]),
    ("eng", "fra", [("en-US", "FR")]),
    ("fr", None, [("FR", "en-US"), ("FR", "de")]),
    (None, "en", [("de", "en-US")]),
    ("en-GB", "de", []),
    ("eng-us", "ger", [("en-US", "de")]),
    ("fr-Latn", "ENG", [("FR", "en-US")]),
    ("en", "it", []),
  ],
)
def test_languages_are_matched_by_their_beginning(tmp_path, source, target, languages):
  pairs, counts = read_text(
    tmp_path, HEAD + UNIT + TAIL, source_language=source, target_language=target
  )
  assert [pair[:2] for pair in pairs] == languages
  assert counts.dropped["no such languages"] == (not languages)


@pytest.mark.parametrize(
  ("text", "message"),
  [
    (HEAD + UNIT, r"a\.tmx:6: broken XML"),
    (HEAD + "\n<tu></tuv>", r"a\.tmx:4: broken XML"),
    ("", r"a\.tmx:1: broken XML"),
    ("<html/>", "no <body>"),
    (
      '<!DOCTYPE x [\n<!ENTITY a "ha">\n<!ENTITY b "&a;&a;">]>\n<tmx><body>&b;</body></tmx>',
      r"a\.tmx:2: XML that defines entities",
    ),
  ],
)
def test_broken_xml_and_a_bomb_are_told_with_their_line(tmp_path, text, message):
  with pytest.raises(InputError, match=message):
    read_text(tmp_path, text)


LARGE = "a" * (10**6 + 40_000)


@pytest.mark.parametrize(
  ("text", "message"),
  [
    (HEAD + UNIT + f"<tu><tuv><seg>\n{LARGE}</seg></tuv></tu>", r"a\.tmx:\d+: a unit that ends"),
    (HEAD + f"<tu x='{LARGE}'></tu>", "has more than 1 MB; --max-line-mb"),
    (HEAD + "<tu>" + f"<tu a='{LARGE[:1000]}'></tu>" * 1100, "has more than 1 MB"),
    ("<tmx>" + f"<header a='{LARGE[:1000]}'/>" * 1100, "has more than 1 MB"),
    (HEAD + UNIT + "\n" + "<hi>" * 5000, r"a\.tmx:\d+: over 100 elements stand in one another"),
  ],
)
def test_what_does_not_end_is_refused(tmp_path, monkeypatch, text, message):
  monkeypatch.setattr(limits, "line_mb", 1)
  with pytest.raises(InputError, match=message):
    read_text(tmp_path, text)


def test_a_file_may_have_many_units(tmp_path, monkeypatch):
  monkeypatch.setattr(limits, "line_mb", 1)
  unit = UNIT.replace("<seg>", "<seg>" + "a" * 300_000, 1)
  assert len(read_text(tmp_path, HEAD + unit * 6 + TAIL)[0]) == 12


@pytest.mark.parametrize("between", ["", "<prop/></body><body>"])
def test_memory_does_not_grow_with_the_file(tmp_path, between):
  def peak(units):
    path = tmp_path / f"{units}.tmx"
    path.write_text(HEAD + (UNIT + between) * units + TAIL, "utf-8")
    tracemalloc.start()
    assert sum(1 for _ in read([str(path)], counts=Counts())) == 2 * units
    size = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return size

  assert peak(2000) < 2 * peak(250)


def test_a_code_that_is_none_is_a_bad_row_of_its_unit(tmp_path):
  text = HEAD + UNIT + UNIT.replace('"FR"', '"fuv2"') + TAIL
  pairs, counts = read_text(tmp_path, text)
  assert [pair[1] for pair in pairs] == ["de", "FR", "de"] and (counts.rows, counts.bad) == (4, 1)
  place = f"{tmp_path}/a.tmx: unit 2"
  assert counts.first_bad == [f"{place}: 'fuv2' is no language code of ISO 639."]
