"""The shape of the smallest model that has every part."""

MODEL = {
  "vocab_size": 1000,
  "width": 32,
  "depth": 2,
  "heads": 4,
  "mlp_width": 64,
  "positions": 64,
  "types": 2,
  "dropout": 0.1,
  "attention_dropout": 0.1,
  "epsilon": 1e-12,
  "activation": "gelu",
}
LABSE_HEAD = {"pooling": "cls", "dense": 32, "dense_activation": "tanh", "normalize": True}
