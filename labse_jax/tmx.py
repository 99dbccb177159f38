"""Pairs of texts as a translation memory (TMX 1.4b)."""

import re
from xml.sax.saxutils import escape, quoteattr

import labse_jax

HEADER = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4">
<header creationtool="labse_jax" creationtoolversion={version} segtype={segment} o-tmf="text"
 adminlang="en" srclang={source} datatype="plaintext"/>
<body>
"""
UNIT = """<tu>{score}
<tuv xml:lang={source_language}><seg>{source}</seg></tuv>
<tuv xml:lang={target_language}><seg>{target}</seg></tuv>
</tu>
"""
# XML 1.0 has no way to write these, not even as a reference.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(file, units, source_language, target_language, *, segment="sentence"):
  """Writes `units`, each (score or None, source, target), to an open text file; returns how many.

  A unit's score stands in a <prop type="x-score">. `segment` is TMX's segtype: "sentence", or
  "block" where a text may be several. Characters that XML cannot hold become spaces.
  """
  languages = {"source_language": quoteattr(source_language),
               "target_language": quoteattr(target_language)}  # fmt: skip
  version, count = quoteattr(labse_jax.__version__), 0
  file.write(HEADER.format(version=version, segment=quoteattr(segment),
                           source=languages["source_language"]))  # fmt: skip
  for score, source, target in units:
    count += 1
    prop = "" if score is None else f'<prop type="x-score">{score:.6f}</prop>'
    file.write(UNIT.format(score=prop, source=_text(source), target=_text(target), **languages))
  file.write("</body>\n</tmx>\n")
  return count


def _text(text):
  return escape(_FORBIDDEN.sub(" ", text), {"\r": "&#13;"})
