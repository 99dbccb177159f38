"""A small folder of data for each suite of evaluators, in its own layout."""

COUNT = 24
ENGLISH = [f"the page {n} is not open in {n % 5} files" for n in range(COUNT)]
FRENCH = [f"la page {n} est close dans {n % 5} cas" for n in range(COUNT)]


def write(suite, folder):
  """Writes the data of a suite into a new folder."""
  folder.mkdir(parents=True)
  WRITERS[suite](folder)
  return folder


def write_bucc(folder, gold, part="training", language="de", **texts):
  """Writes texts named x1, x2, ... and y1, y2, ..., and pairs of ids."""
  for side, (code, lines) in zip("xy", texts.items(), strict=True):
    rows = [f"{side}{row}\t{line}" for row, line in enumerate(lines, 1)]
    (folder / f"{language}-en.{part}.{code}").write_text("\n".join(rows) + "\n", encoding="utf-8")
  lines = "".join(f"{one}\t{other}\n" for one, other in gold)
  (folder / f"{language}-en.{part}.gold").write_text(lines)


def write_senteval(folder, files):
  """Writes {path below the folder: text or bytes}."""
  for name, text in files.items():
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def write_un(folder, name, **sides):
  """Writes the sides of a text, a file for each."""
  for side, lines in sides.items():
    (folder / f"{name}.{side}").write_text("".join(f"{line}\n" for line in lines))


def write_aligned(folder, suffix=".txt", **texts):
  """Writes a file of lines for each language."""
  for language, lines in texts.items():
    (folder / f"{language}{suffix}").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _lines(path, lines):
  path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _tatoeba(folder):
  _lines(folder / "tatoeba.fra-eng.fra", FRENCH)
  _lines(folder / "tatoeba.fra-eng.eng", ENGLISH)


def _aligned(folder):
  _lines(folder / "fra.txt", FRENCH)
  _lines(folder / "eng.txt", ENGLISH)


def _bucc(folder):
  gold = [(f"x{n}", f"y{n}") for n in range(1, COUNT, 2)]
  write_bucc(folder, gold, language="fr", fr=FRENCH, en=ENGLISH)


def _un(folder):
  ids = [f"doc{n // 4}.xml\t{n % 4}:1" for n in range(COUNT)]
  write_un(folder, "UNv1.0.6way", fr=FRENCH, en=ENGLISH, ids=ids)


def _sts(folder):
  triples = zip(range(COUNT), ENGLISH, FRENCH, strict=True)
  _lines(folder / "set.tsv", [f"{n % 6}\t{one}\t{other}" for n, one, other in triples])


def _senteval(folder):
  files = {"MR/rt-polarity.pos": FRENCH, "MR/rt-polarity.neg": ENGLISH}
  write_senteval(folder, {name: "\n".join(lines) for name, lines in files.items()})


WRITERS = {
  "bucc": _bucc,
  "bucc_retrieval": _bucc,
  "senteval": _senteval,
  "sts": _sts,
  "tatoeba": _tatoeba,
  "un": _un,
  "xsim": _aligned,
  "xsim_plus_plus": _aligned,
}
