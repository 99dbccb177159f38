"""Names that fields have in other trainers, and the field that does that here."""

HABITS = {  # By the field: what it is, and its names elsewhere.
  "config.schedule.peak": ("the learning rate", ("learning_rate", "lr", "base_lr")),
  "config.schedule.warmup": (
    "the share of the steps that warm up",
    ("warmup_ratio", "warmup_steps", "num_warmup_steps"),
  ),
  "config.schedule.decay": ("the schedule", ("lr_scheduler", "lr_scheduler_type", "scheduler")),
  "config.batch_rows": (
    "the size of a batch, in rows of up to config.slots pairs,",
    ("batch_size", "train_batch_size", "per_device_train_batch_size"),
  ),
  "config.total_steps": (
    "the length of a run, in steps and not in epochs,",
    ("epochs", "num_epochs", "num_train_epochs", "max_steps", "steps"),
  ),
  "config.length": (
    "the number of tokens in a row",
    ("max_seq_length", "max_seq_len", "sequence_length"),
  ),
  "config.optim.clip": (
    "the norm that gradients are clipped to",
    ("grad_clip", "gradient_clip", "max_grad_norm"),
  ),
  "config.chunks": (
    "the number of parts that a batch is computed in",
    ("gradient_accumulation_steps", "accumulate_grad_batches", "mini_batch_size"),
  ),
  "config.model.depth": ("the number of layers", ("num_layers", "num_hidden_layers", "layers")),
  "config.model.width": ("the width of the model", ("hidden_size", "dim", "embedding_dim")),
  "config.save_every": ("the number of steps between two saves", ("save_steps",)),
  "config.log_every": ("the number of steps between two lines", ("logging_steps", "log_steps")),
}


def names() -> list[str]:
  """All names that fields have elsewhere."""
  return [name for _, elsewhere in HABITS.values() for name in elsewhere]


def field_of(name: str) -> tuple[str, str]:
  """(the field that such a name has here, what it is)."""
  for field, (what, elsewhere) in HABITS.items():
    if name in elsewhere:
      return field, what
  raise KeyError(name)
