"""What one step of training optimises, a file for each: `NAME.Task(config)`.

A task is an `EncoderTask` (`labse_jax.training.encoder_task`, where the contract stands);
`dual_encoder` is the one to read first. config.task names the file.
"""
