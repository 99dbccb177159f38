import hashlib

import pytest

from labse_jax.data.text_hash import comparison_key, text_hash


def test_it_is_blake2b_and_tells_texts_apart():
  digest = hashlib.blake2b("naïve".encode(), digest_size=8).hexdigest()
  assert f"{text_hash('naïve'):016x}" == bytes.fromhex(digest)[::-1].hex()
  assert len({text_hash(f"{n}") for n in range(10_000)}) == 10_000


@pytest.mark.parametrize(
  ("one", "other", "equal"),
  [
    ("Hello, World!", "hello world", True),
    ("ＳＴＲＡßＥ", "strasse", True),
    ("« Oui »…", "oui", True),
    ("हिंदी", "हदी", False),  # Vowel signs are no punctuation.
    ("???", "!!!", False),
    ("naïve", "naive", False),
    ("\ufeffGood day", "Good day", True),
    ("Good\u3164 day\u034f", "good day", True),
    ("\u2764\ufe0f", "\u2764", True),
    ("!\u200b", "\u3164 !", True),
    ("\u200b", "\u3164", True),
    ("5 + 3", "5 3", False),
  ],
)
def test_comparison_key(one, other, equal):
  assert (comparison_key(one) == comparison_key(other)) == equal


def test_ascii_has_the_key_that_any_text_has():
  ascii_text = "".join(map(chr, range(128)))
  assert comparison_key(ascii_text + "\u00e4") == comparison_key(ascii_text) + "\u00e4"
