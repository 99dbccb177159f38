"""The files of SentEval's tasks."""

import pytest

from labse_jax.base.errors import InputError
from labse_jax.evaluation import senteval_files
from tests.support.suites import write_senteval

FILES = {
  "MR/rt-polarity.pos": "good\ncaf\u00e9\n".encode("latin-1"),
  "MR/rt-polarity.neg": "bad\n\u200b\n \n",
  "SST/binary/sentiment-train": "a\tb c\t1\nd\t0\n",
  "SST/binary/sentiment-dev": "e\t1\n",
  "SST/binary/sentiment-test": "f\t0\n",
  "TREC/train_5500.label": "NUM:dist How far ?\nDESC:def What is it ?\n",
  "TREC/TREC_10.label": "NUM:count How many : ten ?\n",
  "MRPC/msr_paraphrase_train.txt": "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
  '1\t7\t8\tHe "said so\tSo he said\n0\t1\t2\tx\ty\n',
  "MRPC/msr_paraphrase_test.txt": "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t3\t4\tp\tq\n",
}


@pytest.mark.parametrize(
  "name, columns, labels, parts",
  [
    ("MR", (["bad", "good", "caf\u00e9"],), [0, 1, 1], ["", "", ""]),
    ("SST2", (["a\tb c", "d", "e", "f"],), [1, 0, 1, 0], ["train", "train", "dev", "test"]),
    (
      "TREC",
      (["How far ?", "What is it ?", "How many : ten ?"],),
      [1, 0, 1],
      ["train", "train", "test"],
    ),
    (
      "MRPC",
      (['He "said so', "x", "p"], ["So he said", "y", "q"]),
      [1, 0, 1],
      ["train", "train", "test"],
    ),
  ],
)
def test_tasks_are_read_from_their_usual_files(tmp_path, name, columns, labels, parts):
  write_senteval(tmp_path, FILES)
  task = senteval_files.read_task(tmp_path, name)
  assert task.columns == columns
  assert (task.label_N.tolist(), task.part_N.tolist()) == (labels, parts)
  assert senteval_files.tasks_in(tmp_path) == ["MR", "SST2", "TREC", "MRPC"]


@pytest.mark.parametrize(
  "name, file, text, message",
  [
    ("SST2", "SST/binary/sentiment-dev", "a\t0\nb\t2\n", "dev:2: sentence, tab, 0 or 1"),
    ("SST2", "SST/binary/sentiment-dev", "0\n", "dev:1: sentence, tab, 0 or 1"),
    ("TREC", "TREC/TREC_10.label", "how many ?\n", "label:1: KIND:kind, space, question"),
    ("MRPC", "MRPC/msr_paraphrase_test.txt", "h\n1\t2\t3\tx\n", "test.txt:2: 0 or 1, two ids"),
    ("MR", "MR/rt-polarity.pos", "\n", "rt-polarity.pos: has 1 lines, none of them with text"),
    ("CR", "CR/custrev.neg", "bad\n", "custrev.pos: no such file"),
    ("TREC", "TREC/train_5500.label", "NUM:x a\n", "all examples of TREC have the label 'NUM'"),
  ],
)
def test_files_that_do_not_fit_are_named(tmp_path, name, file, text, message):
  write_senteval(tmp_path, {**FILES, file: text})
  with pytest.raises(InputError) as error:
    senteval_files.read_task(tmp_path, name)
  assert message in str(error.value)


def test_a_folder_without_tasks_is_named(tmp_path):
  with pytest.raises(InputError, match=r"holds none of MR/rt-polarity\.neg"):
    senteval_files.tasks_in(tmp_path)
