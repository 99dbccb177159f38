import hashlib

from labse_jax.data.text_hash import text_hash


def test_it_is_blake2b_and_tells_texts_apart():
  digest = hashlib.blake2b("naïve".encode(), digest_size=8).hexdigest()
  assert f"{text_hash('naïve'):016x}" == bytes.fromhex(digest)[::-1].hex()
  assert len({text_hash(f"{n}") for n in range(10_000)}) == 10_000
