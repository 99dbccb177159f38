"""Steps of the trainer itself, on one batch of the packed pairs, over and over."""

import jax
import ml_collections

from labse_jax.base.sharding import batch_sharding, make_mesh
from labse_jax.configs.command_line import load_config
from labse_jax.data.batches.streams import to_devices
from labse_jax.train import Stage, make_stages
from sections import model, packed


def config_of(rows: int, length: int, **changes) -> ml_collections.ConfigDict:
  """The quickstart's config with the kit's model; `changes` are its top-level keys."""
  options = f"data={packed.dataset()},tokenizer={packed.VOCABULARY},one_stage,steps=100"
  config, _ = load_config([f"--config=experiments/quickstart.py:{options}", "--workdir=-"])
  with config.unlocked():
    config.model.update(model.shape())
    config.batch_rows = rows
    config.length = length
    config.update(changes)
  return config


def stage_of(config: ml_collections.ConfigDict) -> Stage:
  """The run's only stage: its task, and the functions of its state."""
  return make_stages(config, make_mesh())[0]


class TrainingSteps:
  """A fresh state that each step replaces; a step gives back the old one's memory."""

  def __init__(self, config: ml_collections.ConfigDict):
    self.mesh = make_mesh()
    self.stage = stage_of(config)
    with jax.set_mesh(self.mesh):
      self.state = self.stage.init(jax.random.key(0))
      self.batch = next(iter(self.stage.task.batches()))

  def run(self, count: int) -> dict:
    """The metrics of the last of `count` steps, once all are done."""
    with jax.set_mesh(self.mesh):
      for _ in range(count):
        batch = to_devices(self.batch, batch_sharding(self.mesh))
        self.state, metrics = self.stage.train_step(self.state, batch, jax.random.key(0))
      return jax.block_until_ready(metrics)
