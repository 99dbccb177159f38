"""Benchmarks, a file for each: `NAME.Evaluator(data=...)`, whose `run(encode)` gives a Result.

`labse_jax.evaluation.evaluator` states the contract; `tatoeba` is the one to read first. `--suite`
and `type` in config.evals name the file.
"""
