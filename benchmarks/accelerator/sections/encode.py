"""Sentences a second: ours in batches of three sizes, and sentence-transformers beside."""

from labse_jax.encoding.sentence_encoder import SentenceEncoder
from sections import model, packed
from sections.measure import encoder_flops, median_seconds, mfu, seconds_of
from sections.places import SMALL
from sections.results import Results

LINES = 300 if SMALL else 40_000
BATCH_SIZES = (32,) if SMALL else (32, 256, 2_048)  # Sentences of 32 tokens, on each device.
TORCH_BATCH_SIZES = (32,) if SMALL else (128, 512)
FLOAT32_SHARE = 4  # A part of the lines is enough for what is so much slower.
ROW = 32  # Tokens: the rows that most of these lines are packed into.


def run(results: Results) -> None:
  lines = repeated(packed.lines(LINES))
  with results.attempt("ours bfloat16"):
    measure_ours(results, lines, "bfloat16", BATCH_SIZES)
  with results.attempt("sentence-transformers"):
    measure_torch(results, lines)
  with results.attempt("ours float32"):  # Last, since it compiles longest.
    measure_ours(results, lines[: len(lines) // FLOAT32_SHARE], "float32", BATCH_SIZES[-1:])


def repeated(lines: list[str]) -> list[str]:
  """The lines over and over, LINES of them."""
  return (lines * (LINES // len(lines) + 1))[:LINES]


def measure_ours(results: Results, lines: list[str], precision: str, sizes) -> None:
  encoder = SentenceEncoder.load(model.folder(), dtype=precision)
  tokens = tokens_of(lines)
  for size in sizes:

    def encode(size=size):
      encoder.encode(lines, batch_size=size)

    first = seconds_of(encode)  # It compiles.
    noted = rates(lines, tokens, median_seconds(encode, 3)) | {"first_seconds": first}
    results.note(f"ours {precision}, {32 * size} tokens", noted)


def measure_torch(results: Results, lines: list[str]) -> None:
  """sentence-transformers in bfloat16 with scaled_dot_product_attention."""
  from sentence_transformers import SentenceTransformer
  import torch

  encoder = SentenceTransformer(
    str(model.folder()),
    device="cuda" if torch.cuda.is_available() else "cpu",
    model_kwargs={"dtype": torch.bfloat16, "attn_implementation": "sdpa"},
  )
  tokens = tokens_of(lines)
  for size in TORCH_BATCH_SIZES:

    def encode(size=size):
      encoder.encode(lines, batch_size=size)

    noted = rates(lines, tokens, median_seconds(encode, 2))
    results.note(f"sentence-transformers bfloat16, {size} sentences", noted)


def tokens_of(lines: list[str]) -> int:
  """How many tokens the lines have, without padding."""
  ids, _ = packed.tokenizer().encode(lines, model.MAX_LENGTH)
  return sum(map(len, ids))


def rates(lines: list[str], tokens: int, seconds: float) -> dict:
  flops = tokens * encoder_flops(model.shape(), ROW)
  return {
    "sentences_per_second": len(lines) / seconds,
    "tokens_per_second": tokens / seconds,
    "mfu": mfu(flops / seconds),
  }
