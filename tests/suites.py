"""A small folder of data for each suite of evaluators, in its own layout."""

import bucc_task_test
import senteval_tasks_test
import un_test

COUNT = 24
ENGLISH = [f"the page {n} is not open in {n % 5} files" for n in range(COUNT)]
FRENCH = [f"la page {n} est close dans {n % 5} cas" for n in range(COUNT)]


def write(suite, folder):
  """Writes the data of a suite into a new folder."""
  folder.mkdir(parents=True)
  WRITERS[suite](folder)
  return folder


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
  bucc_task_test.write(folder, gold, language="fr", fr=FRENCH, en=ENGLISH)


def _un(folder):
  ids = [f"doc{n // 4}.xml\t{n % 4}:1" for n in range(COUNT)]
  un_test.write(folder, "UNv1.0.6way", fr=FRENCH, en=ENGLISH, ids=ids)


def _sts(folder):
  triples = zip(range(COUNT), ENGLISH, FRENCH, strict=True)
  _lines(folder / "set.tsv", [f"{n % 6}\t{one}\t{other}" for n, one, other in triples])


def _senteval(folder):
  files = {"MR/rt-polarity.pos": FRENCH, "MR/rt-polarity.neg": ENGLISH}
  senteval_tasks_test.write(folder, {name: "\n".join(lines) for name, lines in files.items()})


WRITERS = {
  "bucc": _bucc, "bucc_retrieval": _bucc, "senteval": _senteval, "sts": _sts, "tatoeba": _tatoeba,
  "un": _un, "xsim": _aligned, "xsim_plus_plus": _aligned,
}  # fmt: skip
