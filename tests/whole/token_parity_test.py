"""Ids equal those of transformers' own tokenizers, with real vocabularies, on real and odd text."""

import functools
import itertools
import json
import shutil

import numpy as np
import pytest

from labse_jax.tokenizer.files import tokenizer_file
from labse_jax.tokenizer.tokenizer import Tokenizer
from tests.support import real
from tests.support.needs import need_torch
from tests.support.places import TATOEBA

LENGTH = 512
CHUNK = 20_000
KINDS = (
  "minilm",
  "me5-small",
  "mbert",
  "sentencepiece.bpe.model",
  pytest.param("mpnet/vocab.txt", marks=pytest.mark.slow),
)
BESIDE_VOCABULARY = ("tokenizer_config.json", "special_tokens_map.json", "config.json")
BLOCKS = 0x324  # Of 256 characters: the planes 0 to 3, behind which no script has letters.
ODD = [
  0x00,
  0x07,
  0x09,
  0x0A,
  0x0D,
  0x1C,
  0x1F,
  0x7F,
  0x85,
  0x9F,  # Controls.
  0x20,
  0xA0,
  0x1680,
  0x2003,
  0x2028,
  0x2029,
  0x202F,
  0x2581,
  0x3000,  # Spaces, or near.
  0xAD,
  0x200B,
  0x200C,
  0x200D,
  0x2060,
  0xFEFF,
  0xFE0F,  # Of no width.
  0x061C,
  0x200E,
  0x200F,
  0x202B,
  0x202E,
  0x2067,
  0x2069,  # Right to left.
  0x300,
  0x301,
  0x308,
  0x327,
  0x345,
  0x5B0,
  0x64B,
  0x93C,
  0xC4D,
  0xE31,
  0x3099,  # Combining.
  0xE000,
  0xF8FF,
  0xFFFD,
  0xFFFF,
  0xF0000,
  0x10FFFF,
  0xE0001,  # Private, or no character.
  0xDF,
  0x130,
  0x131,
  0x17F,
  0x1C5,
  0x3A3,
  0x3C2,
  0x1E9E,
  0xFB01,  # Of odd case.
  0x1100,
  0x1161,
  0x11A8,
  0xAC00,
  0x2F00,
  0xF900,
  0x4E00,
  0x20000,
  0x1F468,
  0x1F3FD,
]
WORDS = [
  "Ünïcode",
  "NAÏVE",
  "it's",
  "3,14",
  "don't",
  "北京市",
  "Straße",
  "ﬁne",
  "שָׁלוֹם",
  "مُحَمَّد",
  "한국어",
  "нет",
  "γλῶσσα",
  "[MASK]",
  "[mask]",
  "[CLS]",
  "<mask>",
  "<s>",
  "</S>",
  "<unk>",
  "[unused1]",
  "##s",
  "\u2581",
  " ",
]


@functools.cache
def fuzzed(count, seed=0):
  """Strings over all of Unicode's blocks, and of what tokenizers stumble on."""
  return list(_fuzzed(count, np.random.default_rng(seed)))


def _fuzzed(count, rng):
  for n in range(count):
    size = rng.integers(0, 40)
    if n % 5 == 0:  # One block: each of those that have letters, and any other.
      block = n // 10 % BLOCKS if n % 2 else rng.integers(BLOCKS, 0x1100)
      codes = 256 * block + rng.integers(0, 256, size)
    elif n % 5 == 1:
      codes = rng.choice(ODD, size)
    elif n % 5 == 2:  # Every character of another block, and odd ones between them.
      odd = rng.random(size) < 0.3
      codes = np.where(odd, rng.choice(ODD, size), rng.integers(256 * BLOCKS, size=size))
    elif n % 5 == 3:  # Words about as long as WordPiece takes, 100 characters, or far longer.
      size = rng.integers(95, 106) if n % 2 else rng.integers(100, 1000)
      letters = rng.choice([0x61, 0x430, 0x5D0, 0x905, 0xE01, 0x10D0]) + rng.integers(0, 20, size)
      codes = np.where(rng.random(size) < 0.002, rng.choice(ODD, size), letters)
    else:
      parts = [
        WORDS[i] + _text(rng.choice(ODD, i % 3)) for i in rng.integers(len(WORDS), size=size)
      ]
      codes = [ord(c) for c in "".join(parts)]
    yield _text(codes)


def _text(codes):
  return "".join(chr(c) for c in codes if not 0xD800 <= c < 0xE000)


def _folder(kind, temporary, xlmr_vocabulary):
  """The folder of a kind; with only its vocab.txt, and what stands beside it, where it says so."""
  if kind == "sentencepiece.bpe.model":
    return xlmr_vocabulary
  if kind == "mbert":
    shutil.copy(real.mbert_vocabulary() / "vocab.txt", temporary)
    settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": False}
    (temporary / "tokenizer_config.json").write_text(json.dumps(settings))
    (temporary / "config.json").write_text('{"model_type": "bert"}')
    return temporary
  name, _, only = kind.partition("/")
  if not only:
    return real.folder(name)
  for file in (only, *BESIDE_VOCABULARY):
    shutil.copy(real.folder(name) / file, temporary)
  return temporary


@pytest.fixture(scope="module", params=KINDS)
def both(request, tmp_path_factory, xlmr_vocabulary):
  """Our tokenizer of a folder, and the one that transformers makes of it."""
  need_torch()
  from transformers import AutoTokenizer

  folder = _folder(request.param, tmp_path_factory.mktemp("tokens"), xlmr_vocabulary)
  return Tokenizer(tokenizer_file(folder)), AutoTokenizer.from_pretrained(folder)


def mismatches(both, texts):
  """The texts whose ids differ."""
  ours, theirs = both
  wrong = []
  for start in range(0, len(texts), CHUNK):
    chunk = texts[start : start + CHUNK]
    expected = theirs(chunk, truncation=True, max_length=LENGTH)["input_ids"]
    got, _ = ours.encode(chunk, LENGTH)
    wrong += [t for t, g, e in zip(chunk, got, expected, strict=True) if g.tolist() != e]
  return wrong


def tatoeba():
  """Every line of the Tatoeba test, both sides of 112 languages."""
  paths = sorted(TATOEBA.glob("tatoeba.*"))
  if not paths:
    pytest.skip(f"no Tatoeba files in {TATOEBA}")
  lines = [path.read_text("utf-8").removesuffix("\n").split("\n") for path in paths]
  return list(itertools.chain(*lines))


@pytest.mark.heavy
def test_on_fuzzed_strings(both):
  texts = fuzzed(20_000)
  blocks = {ord(character) // 256 for character in "".join(texts)}
  assert len(set(texts)) > 19_000 and set(range(BLOCKS)) - set(range(0xD8, 0xE0)) <= blocks
  assert mismatches(both, texts) == []


@pytest.mark.heavy
def test_on_every_tenth_line_of_tatoeba(both):
  assert mismatches(both, tatoeba()[::10]) == []


@pytest.mark.slow
def test_on_every_line_of_tatoeba(both):
  lines = tatoeba()
  assert len(lines) == 177_754
  assert mismatches(both, lines) == []
