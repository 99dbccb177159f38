"""The real package mteb on tasks made here."""

import importlib
import sys

import numpy as np
import pytest
from scipy import stats

from labse_jax.base.errors import InputError

pytest.importorskip("mteb", reason="needs mteb: pip install labse_jax[mteb]")

import datasets  # noqa: E402
import mteb  # noqa: E402
from mteb.abstasks import AbsTaskBitextMining, AbsTaskSTS  # noqa: E402
from mteb.abstasks.task_metadata import TaskMetadata  # noqa: E402
from mteb.models import EncoderProtocol  # noqa: E402
from mteb.types import PromptType  # noqa: E402

from labse_jax.encoding.mteb import Encoder  # noqa: E402
from labse_jax.evaluation.retrieval import nearest  # noqa: E402
from labse_jax.evaluators.bucc_retrieval import weighted_f1  # noqa: E402


def metadata(name, kind, main_score):
  return TaskMetadata(
    name=name,
    description=name,
    type=kind,
    main_score=main_score,
    reference=None,
    dataset={"path": "none", "revision": "1"},
    modalities=["text"],
    category="t2t",
    eval_splits=["test"],
    eval_langs=["eng-Latn"],
    bibtex_citation=None,
    date=None,
    domains=[],
    task_subtypes=[],
    license=None,
    annotations_creators=None,
    dialect=[],
    sample_creation=None,
  )


def local(base, name, kind, main_score, columns):
  """A task whose data is `columns`, so that nothing is downloaded."""

  def load_data(self, **_):
    self.dataset = {"test": datasets.Dataset.from_dict(columns)}
    self.data_loaded = True

  members = {"metadata": metadata(name, kind, main_score), "load_data": load_data}
  members |= {"min_score": 0, "max_score": 5} if kind == "STS" else {}
  return type(name, (base,), members)()


@pytest.fixture(scope="module")
def pairs(real_lines):
  return real_lines[:40], [f"{line}!" for line in real_lines[:40]]


@pytest.fixture(scope="module")
def encoder(tiny_folder):
  return Encoder(str(tiny_folder))


def score(encoder, task):
  (done,) = mteb.evaluate(encoder, task, cache=None, show_progress_bar=False).task_results
  return done.scores["test"][0]


def test_bitext_mining_is_that_of_brute_force(encoder, pairs):
  columns = dict(zip(("sentence1", "sentence2"), pairs, strict=True))
  task = local(AbsTaskBitextMining, "LocalBitext", "BitextMining", "accuracy", columns)
  x_BD, y_BD = (encoder.model.encode(side, normalize_embeddings=True) for side in pairs)
  accuracy = ((x_BD @ y_BD.T).argmax(1) == np.arange(40)).mean()
  assert 0 < accuracy <= 1
  assert score(encoder, task)["accuracy"] == pytest.approx(accuracy)


def test_weighted_f1_is_that_of_the_suite_bucc_retrieval(encoder, pairs):
  columns = {"sentence1": pairs[0], "sentence2": pairs[1][5:] + pairs[1][:5]}
  columns["sentence2"][20:30] = columns["sentence1"][20:30]
  task = local(AbsTaskBitextMining, "LocalBitext", "BitextMining", "f1", columns)
  x_BD, y_BD = (encoder.model.encode(side) for side in columns.values())
  done, ours = score(encoder, task), weighted_f1(nearest(unit(x_BD), unit(y_BD)))
  assert ours == pytest.approx(done["main_score"]) and 0.1 < ours < done["accuracy"]


def unit(x_BD):
  return x_BD / np.linalg.norm(x_BD, axis=1, keepdims=True)


def test_sts_is_scipys(encoder, pairs):
  gold_B = np.random.default_rng(0).uniform(0, 5, 40).tolist()
  columns = {"sentence1": pairs[0], "sentence2": pairs[1][::-1], "score": gold_B}
  task = local(AbsTaskSTS, "LocalSTS", "STS", "cosine_spearman", columns)
  x_BD, y_BD = (
    encoder.model.encode(columns[f"sentence{n}"], normalize_embeddings=True) for n in (1, 2)
  )
  expected = stats.spearmanr((x_BD * y_BD).sum(1), gold_B)[0]
  assert score(encoder, task)["cosine_spearman"] == pytest.approx(expected, abs=1e-5)


def test_it_is_an_encoder_and_says_what_it_is(encoder, tiny_folder):
  assert isinstance(encoder, EncoderProtocol)
  meta = encoder.mteb_model_meta
  assert meta.name == "labse_jax/tiny" and meta.framework == ["JAX"]
  assert meta.embed_dim == 32 and len(meta.revision) == 32
  assert Encoder(str(tiny_folder), revision="7").mteb_model_meta.revision == "7"


@pytest.mark.parametrize(
  "prompts, prompt_type, expected",
  [
    (None, None, None),
    ({"STS": "s: ", "query": "q: "}, PromptType.query, "s: "),
    ({"query": "q: ", "passage": "p: "}, PromptType.query, "q: "),
    ({"query": "q: ", "passage": "p: "}, PromptType.document, "p: "),
    ({"STS": "s: ", "STS-document": "d: "}, PromptType.document, "d: "),
    ({"Local": "l: ", "STS": "s: "}, None, "l: "),
    ({"BitextMining": "b: "}, None, None),
  ],
)
def test_prompts_are_chosen_by_task(tiny_folder, monkeypatch, prompts, prompt_type, expected):
  encoder = Encoder(str(tiny_folder), prompts=prompts)
  asked = []

  def encode(texts, **given):
    asked.append((texts, given))

  monkeypatch.setitem(vars(encoder.model), "encode", encode)
  task = {"task_metadata": metadata("Local", "STS", "x"), "hf_split": "test", "hf_subset": "d"}
  encoder.encode(
    [{"text": ["a", "b"]}, {"text": ["c"]}], prompt_type=prompt_type, batch_size=8, **task
  )
  assert asked == [(["a", "b", "c"], {"prompt": expected, "batch_size": 8})]


def test_results_are_kept_apart_by_prompts_and_precision(tiny_folder):
  asked = [
    {},
    {"prompts": {"query": "q: "}},
    {"prompts": {"query": "Q/ "}},
    {"prompts": {}},
    {"dtype": "bfloat16"},
    {"precision": "bfloat16", "prompts": {}},
  ]
  metas = [Encoder(str(tiny_folder), **given).mteb_model_meta for given in asked]
  assert metas[0].experiment_name is None
  assert len({meta.experiment_name for meta in metas}) == len(set(metas)) == len(asked)
  again = Encoder(str(tiny_folder), **asked[1]).mteb_model_meta
  assert again.experiment_name == metas[1].experiment_name
  older = Encoder(str(tiny_folder), precision="bfloat16").mteb_model_meta
  assert older.experiment_name == metas[4].experiment_name == "precision_bfloat16"


def test_without_the_package_one_line_says_what_is_needed(monkeypatch):
  monkeypatch.setitem(sys.modules, "mteb.models", None)
  monkeypatch.delitem(sys.modules, "labse_jax.encoding.mteb")
  with pytest.raises(InputError, match=r"pip install 'labse_jax\[mteb\]'"):
    importlib.import_module("labse_jax.encoding.mteb")
