import jax
import jax.numpy as jnp
import pytest

from labse_jax.training.speed.trace import STEPS, Trace


def run(trace, steps, begin=0):
  for step in range(begin, steps):
    with trace.step(step):
      x = jnp.arange(8) * step
    trace.after(x)


@pytest.fixture
def calls(monkeypatch):
  """When a trace begins and ends, without the seconds that it takes."""
  made = []
  monkeypatch.setattr(jax.profiler, "start_trace", lambda folder: made.append(("start", folder)))
  monkeypatch.setattr(jax.profiler, "stop_trace", lambda: made.append("stop"))
  return made


def test_three_steps_are_traced(tmp_path, calls, capsys):
  trace = Trace(2, tmp_path)
  run(trace, 8)
  trace.close()
  assert calls == [("start", tmp_path / "profile"), "stop"]
  assert f"a trace of steps 2 to {1 + STEPS}" in capsys.readouterr().err


def test_none_is_traced_where_none_is_asked_for(tmp_path, calls):
  run(Trace(0, tmp_path), 4)
  assert not calls


def test_a_run_that_stops_meanwhile_ends_its_trace(tmp_path, calls, capsys):
  trace = Trace(2, tmp_path)
  run(trace, 4)
  trace.close()
  assert calls[-1] == "stop"
  assert "a trace of steps 2 to 3" in capsys.readouterr().err


@pytest.mark.parametrize(("begin", "steps"), [(0, 2), (9, 12), (7, 12)])
def test_a_run_without_these_steps_says_so(tmp_path, calls, capsys, begin, steps):
  trace = Trace(5, tmp_path)
  run(trace, steps, begin)
  trace.close()
  assert not calls
  said = capsys.readouterr().err
  assert "config.profile = 5: nothing was traced. Steps 5 to 7 were not made, or only as" in said


def test_the_step_that_compiles_is_left_out_where_a_run_goes_on(tmp_path, calls, capsys):
  run(Trace(5, tmp_path), 9, begin=5)
  assert calls == [("start", tmp_path / "profile"), "stop"]
  assert f"a trace of steps 6 to {5 + STEPS}" in capsys.readouterr().err


@pytest.mark.heavy
def test_a_trace_is_a_file_of_the_profiler(tmp_path):
  trace = Trace(1, tmp_path)
  run(trace, 1 + STEPS)
  assert list((tmp_path / "profile").rglob("*.xplane.pb"))
