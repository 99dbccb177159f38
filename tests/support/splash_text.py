"""A program with the kernels of Pallas's splash attention, as libtpu 0.0.42.1 writes it for a v5e.

64 rows of 512 tokens, 12 heads of width 64. libtpu breaks the lines. The code of the kernels
("body") is left out, and all around them is shortened.
"""

from tests.support.places import ROOT

TEXT = (ROOT / "tests" / "support" / "splash.hlo").read_text("utf-8")
