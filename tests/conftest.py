"""Eight simulated devices for every test, compiled in a hurry; set before JAX starts.

Most of the tests' time is XLA's. What they compile runs once or twice, so it is compiled with few
optimisations; the programs that users run have all of them. An XLA_FLAGS that says otherwise holds:
XLA_FLAGS=--xla_backend_optimization_level=3 tests what users run.
"""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# torch's threads would wait in a loop, on the cores that XLA's then lack.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
XLA_FLAGS = {
  "xla_force_host_platform_device_count": "8",
  "xla_backend_optimization_level": "0",
  "xla_llvm_disable_expensive_passes": "true",
}
given = os.environ.get("XLA_FLAGS", "")
own = [f"--{name}={value}" for name, value in XLA_FLAGS.items() if name not in given]
os.environ["XLA_FLAGS"] = " ".join([given, *own]).strip()

from absl import flags  # noqa: E402

flags.FLAGS.mark_as_parsed()  # Grain and Orbax read flags.

import dataclasses  # noqa: E402
import itertools  # noqa: E402
import pathlib  # noqa: E402

import numpy as np  # noqa: E402
import pytest  # noqa: E402

from tests.support.places import TATOEBA  # noqa: E402
from tests.support.tiny_model import LABSE_HEAD, MODEL  # noqa: E402


@pytest.fixture(scope="session")
def real_lines():
  """Distinct real sentences in some thirty languages: translations that a dependency carries."""
  import humanize
  import polib

  lines = {}
  for path in sorted(pathlib.Path(humanize.__file__).parent.glob("locale/*/LC_MESSAGES/*.mo")):
    for entry in polib.mofile(str(path)):
      for text in (entry.msgid, entry.msgstr, *entry.msgstr_plural.values()):
        lines.setdefault(" ".join(text.split()))
  return [line for line in lines if line]


@pytest.fixture(scope="session")
def many_scripts():
  """1,000 real sentences in a hundred languages, where the Tatoeba test set is at hand."""
  paths = sorted(path for path in TATOEBA.glob("tatoeba.*") if path.suffix != ".eng")
  if not paths:
    pytest.skip(f"no Tatoeba files in {TATOEBA}")
  files = [path.read_text("utf-8").splitlines() for path in paths]
  return list(itertools.islice(filter(None, itertools.chain(*itertools.zip_longest(*files))), 1000))


@pytest.fixture(scope="session")
def tiny_vocabulary(tmp_path_factory, real_lines):
  """A folder with tokenizer.json, trained on the real lines."""
  from labse_jax.tokenizer import unigram

  folder = tmp_path_factory.mktemp("vocabulary")
  text = [unigram.normalise(line) for line in real_lines]
  unigram.export(unigram.train_unigram(text, MODEL["vocab_size"]), folder)
  return folder


@pytest.fixture(scope="session")
def tiny_wordpiece(tmp_path_factory, real_lines):
  """The same with WordPieces."""
  from labse_jax.tokenizer import wordpiece

  folder = tmp_path_factory.mktemp("wordpiece")
  wordpiece.export(wordpiece.train(real_lines, 1000), folder)
  return folder


@pytest.fixture(scope="session")
def tiny_content(tiny_vocabulary):
  """A ModelFolder as LaBSE's is made, with random weights large enough for every part to show."""
  import jax

  from labse_jax import model_folder
  from labse_jax.models import heads

  init = jax.jit(lambda key: heads.init(heads.build(MODEL, LABSE_HEAD), key))
  params = init(jax.random.key(0))
  leaves, tree = jax.tree.flatten(params)
  rng = np.random.default_rng(0)
  leaves = [np.asarray(p + 0.1 * rng.normal(size=p.shape), np.float32) for p in leaves]
  return model_folder.ModelFolder(
    MODEL, LABSE_HEAD, jax.tree.unflatten(tree, leaves), tiny_vocabulary / "tokenizer.json", 64
  )


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory, tiny_content):
  """`tiny_content` on disk."""
  from labse_jax import model_folder

  path = tmp_path_factory.mktemp("model") / "tiny"
  model_folder.write(path, tiny_content)
  return path


@pytest.fixture(scope="session")
def tiny_encoder(tiny_folder):
  from labse_jax.encoding.sentence_encoder import SentenceEncoder

  return SentenceEncoder.load(tiny_folder)


@pytest.fixture
def with_head(tiny_content):
  """with_head(pooling, dense, normalize) -> the same encoder under another head."""

  def change(pooling, dense, normalize, activation="tanh"):
    head = {
      "pooling": pooling,
      "dense": dense,
      "dense_activation": activation,
      "normalize": normalize,
    }
    params = dict(tiny_content.params)
    if dense:
      rng = np.random.default_rng(dense)
      params["dense"] = {
        "kernel": rng.normal(0, 0.2, (32, dense)).astype(np.float32),
        "bias": rng.normal(0, 0.2, dense).astype(np.float32),
      }
    else:
      del params["dense"]
    return dataclasses.replace(tiny_content, head=head, params=params)

  return change


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """What `tiny.make` writes: data/ and vocabulary/ to train on."""
  from tests.support import tiny

  folder = tmp_path_factory.mktemp("tiny")
  tiny.make(folder)
  return folder


@pytest.fixture(scope="session")
def xlmr_vocabulary(tmp_path_factory, real_lines):
  """A folder as XLM-R's, with nothing but sentencepiece.bpe.model to make its tokenizer of."""
  import sentencepiece

  folder = tmp_path_factory.mktemp("xlmr")
  sentencepiece.SentencePieceTrainer.train(
    sentence_iterator=iter(real_lines),
    model_prefix=str(folder / "sentencepiece.bpe"),
    vocab_size=MODEL["vocab_size"] - 2,
    character_coverage=0.99,
    minloglevel=2,
  )
  (folder / "config.json").write_text('{"model_type": "xlm-roberta"}')
  return folder
