"""What a search and a margin score may be asked for."""

DTYPES = ("float32", "bfloat16", "int8")
MARGINS = {
  "ratio": lambda cosine, mean: cosine / mean,
  "distance": lambda cosine, mean: cosine - mean,
  "absolute": lambda cosine, mean: cosine,
}
RETRIEVALS = ("max", "forward", "backward", "intersection", "union")
