"""Real weights: sentence-transformers' vectors and accuracies, and the folder again byte by byte.

minilm and mpnet are all-MiniLM-L6-v2 and all-mpnet-base-v2; me5-small is multilingual-e5-small, of
which only a 4-bit package is to be had (see tests/real.py for where they come from).
"""

import itertools

import numpy as np
import pytest
from safetensors.numpy import load_file

from labse_jax import model_folder
from labse_jax.encoding.sentence_encoder import SentenceEncoder
from labse_jax.evaluators import tatoeba
from tests.support import real
from tests.support.needs import need_torch
from tests.support.places import TATOEBA

TWENTY = (
  "amh",
  "ara",
  "ben",
  "cmn",
  "deu",
  "ell",
  "heb",
  "hin",
  "hye",
  "jpn",
  "kat",
  "khm",
  "kor",
  "mal",
  "rus",
  "tam",
  "tel",
  "tha",
  "guj",
  "mya",
)
SLOW = pytest.mark.slow  # Minutes of sentence-transformers on two cores.


@pytest.fixture(scope="module")
def lines():
  """100 real lines in each of twenty scripts; the last two are news, the others Tatoeba's."""
  if not TATOEBA.is_dir():
    pytest.skip(f"no Tatoeba files in {TATOEBA}")
  news = TATOEBA.parent / "ntrex_first_half"
  paths = [TATOEBA / f"tatoeba.{language}-eng.{language}" for language in TWENTY[:-2]]
  paths += [news / f"{language}.txt" for language in TWENTY[-2:]]
  files = [path.read_text("utf-8").splitlines()[:100] for path in paths]
  return list(itertools.chain(*zip(*files, strict=True)))


def theirs(name):
  need_torch()
  from sentence_transformers import SentenceTransformer

  return SentenceTransformer(str(real.folder(name)), device="cpu")


@pytest.mark.heavy
@pytest.mark.parametrize(
  ("name", "count"),
  [
    ("minilm", 200),
    pytest.param("minilm", 2000, marks=SLOW),
    pytest.param("me5-small", 2000, marks=SLOW),
    pytest.param("mpnet", 2000, marks=SLOW),
  ],
)
def test_the_vectors_are_sentence_transformers_own(name, count, lines):
  expected = theirs(name).encode(lines[:count], batch_size=16)
  encoder = SentenceEncoder.load(real.folder(name))
  largest = np.abs(encoder.encode(lines[:count]) - expected).max()
  half = SentenceEncoder.load(real.folder(name), dtype="bfloat16").encode(lines[:count])
  cosine = (half * expected).sum(1) / np.linalg.norm(half, axis=1)
  print(f"{name}: largest difference {largest:.1e}; bfloat16's least cosine {cosine.min():.5f}")
  assert largest <= 2e-6 and cosine.min() >= 0.9995


@pytest.mark.parametrize(
  "name", ["minilm", pytest.param("me5-small", marks=SLOW), pytest.param("mpnet", marks=SLOW)]
)
def test_read_and_written_again_every_byte_is_the_same(name, tmp_path):
  model_folder.write(tmp_path / "again", model_folder.read(real.folder(name)))
  before = load_file(real.folder(name) / "model.safetensors")
  after = load_file(tmp_path / "again" / "model.safetensors")
  # A buffer that counts 0, 1, 2 is not a weight.
  assert before.keys() - after.keys() <= {"embeddings.position_ids"}
  assert all(after[key].tobytes() == before[key].tobytes() for key in after)


@SLOW
def test_the_accuracy_on_tatoeba_is_sentence_transformers_own():
  if not TATOEBA.is_dir():
    pytest.skip(f"no Tatoeba files in {TATOEBA}")
  evaluator = tatoeba.Evaluator(data=TATOEBA, languages="14")
  expected = evaluator.run(lambda texts: theirs("me5-small").encode(texts, batch_size=16)).report
  encoder = SentenceEncoder.load(real.folder("me5-small"))
  got = evaluator.run(encoder.encode).report
  for language, result in expected["results"].items():
    print(language, result["accuracy"]["value"], got["results"][language]["accuracy"]["value"])
  assert got["results"] == expected["results"]
  assert 0.85 < got["average"]["accuracy"]["value"] < 0.95


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["minilm", pytest.param("me5-small", marks=SLOW)])
def test_prompts_and_similarities_are_sentence_transformers_own(name, lines):
  their, our = theirs(name), SentenceEncoder(real.folder(name))
  prompts = {"query": "query: ", "document": "passage: ", "title": "title: "}
  for encoder in (their, our):
    encoder.prompts = prompts
    encoder.default_prompt_name = "title"
    encoder.max_seq_length = 24
  some = lines[:16]
  calls = {
    "default": lambda e: e.encode(some),
    "name": lambda e: e.encode(some, "query"),
    "prompt": lambda e: e.encode(some, prompt_name="query", prompt="to: "),
    "no prompt": lambda e: e.encode(some, prompt=""),
    "query": lambda e: e.encode_query(some),
    "document": lambda e: e.encode_document(some),
    "named query": lambda e: e.encode_query(some, "title"),
    "truncated": lambda e: e.encode(some, truncate_dim=100),
    "truncated unit": lambda e: e.encode(some, truncate_dim=100, normalize_embeddings=True),
    "one": lambda e: e.encode(some[0]),
  }
  found = {}
  for call, of in calls.items():
    found[call] = of(our)
    np.testing.assert_allclose(found[call], of(their), atol=2e-6, err_msg=call)
  # All differ but the two that say in words what the default and encode_query are.
  assert len({vectors.tobytes() for vectors in found.values()}) == len(calls) - 2
  x_ND, y_ND = found["query"], found["document"]
  for similarity in ("cosine", "dot", "euclidean", "manhattan"):
    their.similarity_fn_name = our.similarity_fn_name = similarity
    for compare in ("similarity", "similarity_pairwise"):
      expected = getattr(their, compare)(x_ND, y_ND)
      np.testing.assert_allclose(getattr(our, compare)(x_ND, y_ND), expected, atol=1e-4)
  for encoder in (their, our):
    encoder.truncate_dim = 7
  assert our.encode(some).shape == their.encode(some).shape == (16, 7)
  assert our.get_embedding_dimension() == their.get_embedding_dimension() == 7


def test_a_saved_folder_opens_there_with_the_same_vectors(tmp_path, lines):
  our = SentenceEncoder(
    real.folder("minilm"), prompts={"query": "q: "}, default_prompt_name="query"
  )
  our.max_seq_length = 20
  our.save(tmp_path / "saved")
  need_torch()
  from sentence_transformers import SentenceTransformer

  their = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
  np.testing.assert_allclose(our.encode(lines[:8]), their.encode(lines[:8]), atol=2e-6)
  assert their.max_seq_length == 20 and their.prompts["query"] == "q: "
