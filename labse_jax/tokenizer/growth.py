"""Refuses a tokenizer whose rules make a text longer and longer, which might never end.

A tokenizer.json may replace "a" by a hundred "a", and do so again and again. Most can be seen to be
harmless: their rules are counted. The others are tried once, in a process of their own.
"""

import base64
from collections.abc import Iterator, Mapping
import json
import math
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
from typing import Any

from tokenizers import Tokenizer, models

from labse_jax.base.errors import InputError

MOST = 64  # A text may become so many times as long. The rules of BERT and XLM-R stay below.
SECONDS = 5  # The trial takes a quarter of one, most of it to start Python.
MEMORY = 4 << 30  # Bytes that the trial may use.
# The most characters that one rule of a type makes of one: of Unicode's own forms the longest ones.
FACTORS = {
  "BertNormalizer": 8,
  "ByteLevel": 4,
  "Lowercase": 2,
  "NFC": 3,
  "NFD": 4,
  "NFKC": 18,
  "NFKD": 18,
  "Nmt": 1,
  "Strip": 1,
  "StripAccents": 1,
}
SAMPLE = "The Quick brown fox, 0123456789! Größe İstanbul ﷺ ｶﾞ 한국어 中文 ไทย हिन्दी \U0001f9ff"
TRIAL = """
import json, resource, sys
from tokenizers import Tokenizer
path, most = sys.argv[1], int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_AS, (most, most))
text = json.load(sys.stdin)
tokenizer = Tokenizer.from_file(path)
if tokenizer.normalizer:
  text = tokenizer.normalizer.normalize_str(text)
size = len(text)
if tokenizer.pre_tokenizer:
  size = sum(len(word) for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text))
print(size)
"""


def check(tokenizer: Tokenizer, path: pathlib.Path) -> None:
  """Raises InputError where the tokenizer of the file `path` makes texts too long.

  A process is started only where its rules, counted one by one, could make a text over `MOST` times
  as long.
  """
  rules = list(_rules(tokenizer))
  if math.prod(map(_factor, rules)) <= MOST:
    return
  text = " ".join([SAMPLE, *_texts(rules)])
  size = _tried(tokenizer, text)
  if size is None or size > MOST * len(text):
    raise InputError(
      f"{path}: its normalizer makes a text over {MOST} times as long, or does not end in "
      f"{SECONDS} seconds. Such a tokenizer is not read."
    )


def _rules(tokenizer: Tokenizer) -> Iterator[dict[str, Any]]:
  """The normalizers and pre-tokenizers, each as JSON has it, in their order."""
  for part in (tokenizer.normalizer, tokenizer.pre_tokenizer):
    if part is not None:
      yield from _single(json.loads(part.__getstate__()))


def _single(rule: dict[str, Any]) -> Iterator[dict[str, Any]]:
  """A rule, or the rules of a sequence."""
  for kind in ("normalizers", "pretokenizers"):
    if kind in rule:
      for part in rule[kind]:
        yield from _single(part)
      return
  yield rule


def _factor(rule: Mapping[str, Any]) -> float:
  """How many characters a rule makes of one, at most."""
  kind = rule["type"]
  if kind == "Replace":
    # A regular expression may match between any two characters, and then it only adds.
    pattern = rule["pattern"].get("String", "")
    added = len(rule["content"])
    return max(1, added / len(pattern)) if pattern else 1 + added
  if kind == "Prepend":
    return 1 + len(rule["prepend"])
  if kind == "Precompiled":
    return _longest_replacement(rule["precompiled_charsmap"])
  return FACTORS.get(kind, 1)


def _longest_replacement(charsmap: str) -> int:
  """The most characters that sentencepiece's compiled rules put in place of others."""
  rules = base64.b64decode(charsmap)
  # The size of a trie, the trie, and the replacements, each with a zero at its end.
  (size,) = struct.unpack_from("<I", rules)
  replacements = rules[4 + size :].decode("utf-8", "replace").split("\0")
  return max(map(len, replacements))


def _texts(rules: list[dict[str, Any]]) -> Iterator[str]:
  """The beginnings of what the rules look for and of what they put there."""
  for rule in rules:
    for text in (*rule.get("pattern", {}).values(), rule.get("content"), rule.get("prepend")):
      if text:
        yield text[: len(SAMPLE)]


def _tried(tokenizer: Tokenizer, text: str) -> int | None:
  """The characters of what the tokenizer makes of `text`; None where it fails or does not end."""
  # The vocabulary does not matter here, and it would take longest to read.
  rules = Tokenizer(models.WordLevel({}))
  rules.normalizer = tokenizer.normalizer
  rules.pre_tokenizer = tokenizer.pre_tokenizer
  with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "tokenizer.json")
    rules.save(path)
    try:
      done = subprocess.run(
        [sys.executable, "-P", "-c", TRIAL, path, str(MEMORY)],
        input=json.dumps(text),
        capture_output=True,
        text=True,
        timeout=SECONDS,
      )
    except subprocess.TimeoutExpired:
      return None
  return int(done.stdout) if done.returncode == 0 else None
