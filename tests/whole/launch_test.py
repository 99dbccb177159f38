"""The scripts of launch/, most of them with a Python that only writes down what it was asked."""

import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import zipfile

import pytest

from tests.support.places import ROOT

SCRIPTS = [*sorted((ROOT / "launch").glob("*.sh")), ROOT / ".ci" / "run"]

FAKE_PYTHON = r"""#!/bin/bash
if [ "$1" = -c ]; then exit; fi
if [ "$1" = --version ]; then echo Python 3.11.9; exit; fi
echo "$*" >>"$FAKE_LOG"
if [[ -n "$FAKE_FAIL" && "$*" == *" $FAKE_FAIL"* ]]; then exit 7; fi
if [ -n "$FAKE_SLEEP" ] && [ "$2" = "$FAKE_SLEEP" ]; then sleep 20; fi
words=("$@")
for ((i = 0; i < $#; i++)); do
  case "${words[i]}" in --output | --dest | --workdir | *.report) out="${words[i + 1]}" ;; esac
done
case "$2" in
  venv) mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; touch "$3/pyvenv.cfg" ;;
  pip) if [ "$3" = download ]; then touch "$out/one.whl"; fi ;;
  labse_jax.prepare) mkdir -p "$out"; touch "$out/report.json" ;;
  labse_jax.vocabulary) mkdir -p "$out"; touch "$out/vocabulary.json" ;;
  labse_jax.train) mkdir -p "$out/model"; touch "$out/model/modules.json" ;;
  labse_jax.evaluate) touch "$out" ;;
  labse_jax.report) touch "$out/report.html" ;;
esac
"""


class Checkout:
  """A copy of launch/ with a fake python3 first in PATH; `log` is what Python was asked."""

  def __init__(self, folder):
    self.root = folder / "a checkout"
    shutil.copytree(ROOT / "launch", self.root / "launch")
    shutil.copy(ROOT / "pyproject.toml", self.root)
    self.bin = folder / "bin"
    self.bin.mkdir()
    self.names = ["python", *(f"python3{end}" for end in ("", ".11", ".12", ".13", ".14"))]
    for name in self.names:
      self.write(name, FAKE_PYTHON)
    self.log_file = folder / "log"
    self.cwd = folder

  def write(self, name, text):
    (self.bin / name).write_text(text)
    (self.bin / name).chmod(0o755)

  def start(self, script, *arguments, **environment):
    ours = ("CI", "LABSE_PYTHON", "LABSE_EXTRA", "LABSE_VENV")
    env = {name: value for name, value in os.environ.items() if name not in ours}
    env |= {"PATH": f"{self.bin}:{os.environ['PATH']}", "FAKE_LOG": str(self.log_file)}
    return subprocess.Popen(
      ["bash", self.root / "launch" / script, *arguments],
      text=True,
      cwd=self.cwd,
      env=env | environment,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      start_new_session=True,
    )

  def run(self, *words, **environment):
    """(exit status, stdout, stderr)"""
    process = self.start(*words, **environment)
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors

  def log(self):
    """The lines since the last call."""
    lines = self.log_file.read_text().splitlines() if self.log_file.exists() else []
    self.log_file.unlink(missing_ok=True)
    return lines


@pytest.fixture
def checkout(tmp_path):
  return Checkout(tmp_path)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_bash_reads_it(script):
  subprocess.run(["bash", "-n", script], check=True)


def test_quickstart_does_each_step_once(checkout):
  status, output, _ = checkout.run("quickstart.sh")
  assert status == 0
  run = "runs/quickstart"
  log = checkout.log()
  (download,) = [line for line in log if "pip download" in line]
  assert " --no-deps --require-hashes --only-binary=:all: " in download
  train = [line for line in log if "labse_jax.train" in line]
  assert len(train) == 1
  assert re.fullmatch(
    r"-m labse_jax.train --config experiments/quickstart.py:seconds=(8[01]\d|79\d),"
    rf"held_out={run}/data/held_out --workdir {run}",
    train[0],
  )
  shown = [line[2:] for line in output.splitlines() if line.startswith("$ ")]
  # The download came with the installation.
  assert [shlex.split(line)[2] for line in shown] == [
    "labse_jax.prepare",
    "labse_jax.vocabulary",
    "labse_jax.train",
    "labse_jax.evaluate",
    "labse_jax.report",
  ]
  prepare = f"python -m labse_jax.prepare --input {run}/wheels/one.whl --output {run}/data"
  assert shown[0] == f"{prepare} --held-out 1000 --min-characters 12 --max-characters 200"
  assert (checkout.root / run / "wheels" / "catalogues.txt").read_text().count("==") == 6

  status, output, _ = checkout.run("quickstart.sh")
  assert (status, checkout.log()) == (0, [])
  assert output.startswith("All is done: open runs/quickstart/report.html")


def seconds_to_train(checkout):
  (train,) = [line for line in checkout.log() if "labse_jax.train" in line]
  return int(train.split("seconds=")[1].split(",")[0])


@pytest.mark.parametrize(
  ("minutes", "gone", "expected"), [(15, 400, 410), (15, 700, 110), (15, 1000, 60), (30, 400, 1310)]
)
def test_quickstart_trains_for_what_is_left_of_the_minutes(checkout, minutes, gone, expected):
  # Bash counts on from SECONDS.
  checkout.run("quickstart.sh", "--minutes", str(minutes), SECONDS=str(gone))
  assert max(60, expected - 15) <= seconds_to_train(checkout) <= expected


def test_quickstart_goes_on_from_its_model_with_more_minutes(checkout):
  _, output, _ = checkout.run("quickstart.sh", "--minutes", "10")
  assert output.endswith("bash launch/quickstart.sh --minutes 20\n")
  checkout.log()
  for words in ((), ("--minutes", "10"), ("--minutes", "5")):
    status, output, _ = checkout.run("quickstart.sh", *words)
    assert (status, checkout.log()) == (0, [])
    assert output.startswith("All is done: open runs/quickstart/report.html")
  status, output, _ = checkout.run("quickstart.sh", "--minutes", "25")
  assert status == 0
  lines = checkout.log()
  assert [line.split()[1] for line in lines] == [
    f"labse_jax.{verb}" for verb in ("train", "evaluate", "report")
  ]
  assert lines[0].endswith(",init=runs/quickstart/model --workdir runs/quickstart/minutes_25")
  assert "open runs/quickstart/minutes_25/report.html" in output


@pytest.mark.parametrize("minutes", ["", "x", "4", "-3", "2.5"])
def test_quickstart_wants_whole_minutes(checkout, minutes):
  status, _, errors = checkout.run("quickstart.sh", "--minutes", minutes)
  assert status == 2 and len(errors.splitlines()) == 1
  assert f"--minutes {minutes}:" in errors


def test_quickstart_has_no_minutes_in_its_small_form(checkout):
  status, _, errors = checkout.run("quickstart.sh", "--small", "--minutes", "10")
  assert (status, errors) == (2, "labse-jax: --minutes: has no use beside --small.\n")


def test_quickstart_does_not_go_on_with_a_run_of_an_earlier_version(checkout):
  run = checkout.root / "runs" / "quickstart"
  run.mkdir(parents=True)
  (run / "config.json").touch()
  status, _, errors = checkout.run("quickstart.sh")
  assert status == 2
  assert errors.splitlines()[-1] == (
    "labse-jax: runs/quickstart: is a run of an earlier version, which cannot go on; "
    "remove it or move it away."
  )


@pytest.mark.parametrize(("cores", "devices"), [(1, 1), (2, 2), (3, 2), (6, 4), (64, 8)])
def test_devices_follow_the_cores_up_to_eight(checkout, cores, devices):
  checkout.write("nproc", f"#!/bin/bash\necho {cores}\n")
  checkout.write("show", '#!/bin/bash\n[ "$1" = -c ] || echo "$XLA_FLAGS"\n')
  env = {"LABSE_PYTHON": str(checkout.bin / "show"), "XLA_FLAGS": ""}
  _, output, _ = checkout.run("local.sh", "-V", **env)
  assert output == f"--xla_force_host_platform_device_count={devices}\n"


def test_quickstart_notes_what_each_phase_took(checkout):
  checkout.run("quickstart.sh", "--small")
  noted = (checkout.root / "runs/quickstart_small/phases.tsv").read_text().splitlines()
  names = [line.split("\t")[0] for line in noted]
  assert names == ["prepare", "vocabulary", "train", "evaluate", "report"]


def test_quickstart_goes_on_after_a_step_that_failed(checkout):
  status, _, errors = checkout.run("quickstart.sh", "--small", FAKE_FAIL="labse_jax.train")
  assert status == 7
  assert "train: ended with status 7; the same command tries again from here." in errors
  checkout.log()
  assert checkout.run("quickstart.sh", "--small")[0] == 0
  modules = [line.split()[1] for line in checkout.log()]
  assert modules == ["labse_jax.train", "labse_jax.evaluate", "labse_jax.report"]


def test_quickstart_evaluates_again_after_the_model_changed(checkout):
  checkout.run("quickstart.sh", "--small")
  checkout.log()
  later = time.time() + 5
  os.utime(checkout.root / "runs/quickstart_small/model/modules.json", (later, later))
  checkout.run("quickstart.sh", "--small")
  assert [line.split()[1] for line in checkout.log()] == ["labse_jax.evaluate", "labse_jax.report"]


def test_quickstart_never_takes_half_a_download_for_a_whole_one(checkout):
  status, *_ = checkout.run("quickstart.sh", "--small", FAKE_FAIL="download")
  assert status == 7
  assert not (checkout.root / "runs/quickstart_small/wheels").exists()
  assert checkout.run("quickstart.sh", "--small")[0] == 0


def test_quickstart_leaves_at_ctrl_c(checkout):
  process = checkout.start("quickstart.sh", "--small", FAKE_SLEEP="labse_jax.train")
  deadline = time.monotonic() + 30
  while "labse_jax.train" not in "".join(checkout.log()) and time.monotonic() < deadline:
    time.sleep(0.05)
  os.killpg(process.pid, signal.SIGINT)
  _, errors = process.communicate(timeout=10)
  assert process.returncode == 130
  assert errors.splitlines()[-1] == "labse-jax: interrupted; the same command goes on from here"


@pytest.mark.parametrize(
  "script", ["quickstart.sh", "local.sh", "gpu.sh", "lock.sh", "test_newest.sh", "tpu_vm.sh"]
)
def test_help_says_how_and_installs_nothing(checkout, script):
  status, output, errors = checkout.run(script, "--help")
  assert (status, errors, checkout.log()) == (0, "", [])
  assert f"bash launch/{script}" in output


def test_quickstart_refuses_what_it_does_not_know(checkout):
  status, _, errors = checkout.run("quickstart.sh", "--tiny")
  assert (status, errors) == (2, "labse-jax: unknown argument '--tiny'; see --help.\n")


PIP = "-m pip install -qq --disable-pip-version-check"


def from_lock(name, *more):
  options = "--require-hashes --only-binary=:all: --no-binary=promise --no-build-isolation"
  return " ".join([PIP, options, *more, "-r", f"launch/locks/{name}.txt"])


def test_environment_is_made_once_and_again_when_a_lock_changes(checkout):
  checkout.run("local.sh", "-V")
  venv = checkout.root / ".venv"
  project = f"{PIP} --no-deps --no-build-isolation -e ."
  installed = [from_lock("build"), from_lock("project"), project]
  assert checkout.log() == [f"-m venv {venv}", *installed, "-V"]
  checkout.run("local.sh", "-V")
  assert checkout.log() == ["-V"]
  with open(checkout.root / "launch" / "locks" / "project.txt", "a") as file:
    file.write("six==1.17.0\n")
  checkout.run("local.sh", "-V")
  assert checkout.log() == [from_lock("project"), "-V"]


def test_environment_takes_an_extra_that_has_a_lock(checkout):
  checkout.run("local.sh", "-V", LABSE_EXTRA="cuda")
  assert from_lock("cuda") in checkout.log()
  status, _, errors = checkout.run("local.sh", "-V", LABSE_EXTRA="hub")
  assert (status, errors) == (2, "labse-jax: LABSE_EXTRA=hub: choose from tpu and cuda.\n")


def test_environment_that_was_broken_off_is_made_again(checkout):
  process = checkout.start("local.sh", "-V", FAKE_SLEEP="pip")
  deadline = time.monotonic() + 30
  while "pip install" not in "".join(checkout.log()) and time.monotonic() < deadline:
    time.sleep(0.05)
  os.killpg(process.pid, signal.SIGKILL)
  process.communicate()
  leftover = checkout.root / ".venv" / "leftover"
  leftover.touch()
  status, _, errors = checkout.run("local.sh", "-V")
  assert status == 0 and not leftover.exists()
  assert "its installation was not finished" in errors


def test_environment_says_that_an_installation_failed(checkout):
  status, _, errors = checkout.run("local.sh", "-V", FAKE_FAIL="install")
  assert status == 1
  assert errors.splitlines()[-1].startswith("labse-jax: launch/locks/build.txt could not")
  checkout.log()
  assert checkout.run("local.sh", "-V")[0] == 0
  assert not any(line.startswith("-m venv") for line in checkout.log())


def test_environment_needs_a_recent_python(checkout):
  for name in checkout.names:
    checkout.write(name, "#!/bin/bash\nexit 1\n")
  status, _, errors = checkout.run("quickstart.sh")
  assert status == 2
  assert len(errors.splitlines()) == 1 and "no Python 3.11 or newer" in errors


REAL_PIP = """#!/bin/bash
case "$2" in
  venv) mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; touch "$3/pyvenv.cfg" ;;
  pip) exec "$REAL" "$@" --target "$SITE" ;;
esac
"""


@pytest.mark.heavy
def test_a_file_with_another_hash_is_refused_and_nothing_of_its_lock_installed(checkout, tmp_path):
  wheels, site = tmp_path / "wheels", tmp_path / "site"
  wheels.mkdir()
  hashes = {name: write_wheel(wheels, name) for name in "abc"}
  hashes["c"] = "0" * 64
  for lock, names in (("build", "a"), ("project", "bc")):
    lines = [f"{name}==1.0 --hash=sha256:{hashes[name]}\n" for name in names]
    (checkout.root / "launch" / "locks" / f"{lock}.txt").write_text("".join(lines))
  checkout.write("python3", REAL_PIP)
  status, _, errors = checkout.run(
    "environment.sh",
    REAL=sys.executable,
    SITE=str(site),
    PIP_NO_INDEX="1",
    PIP_FIND_LINKS=str(wheels),
    PIP_CONFIG_FILE=os.devnull,
  )
  assert status == 1 and "DO NOT MATCH THE HASHES" in errors
  last = errors.splitlines()[-1]
  assert last.startswith("labse-jax: launch/locks/project.txt could not be installed;")
  assert [path.stem for path in site.glob("?.py")] == ["a"]


def write_wheel(folder, name):
  """Writes the wheel of a package that is one empty module, and returns its SHA-256."""
  information = f"{name}-1.0.dist-info"
  files = {
    f"{name}.py": "",
    f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
    f"{information}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
  }
  files[f"{information}/RECORD"] = "".join(f"{file},,\n" for file in files)
  path = folder / f"{name}-1.0-py3-none-any.whl"
  with zipfile.ZipFile(path, "w") as wheel:
    for file, text in files.items():
      wheel.writestr(file, text)
  return hashlib.sha256(path.read_bytes()).hexdigest()


def test_tests_skip_parity_without_torch_but_never_in_ci(checkout):
  without = {"FAKE_FAIL": "launch/locks/torch.txt"}
  status, _, errors = checkout.run("test.sh", "-k", "x", **without)
  assert status == 0
  assert "no torch could be installed: parity tests are skipped." in errors
  lines = checkout.log()
  checks = ["-m pip check", "-m ruff check", "-m ruff format --check", "-m pytest -k x"]
  assert lines[-4:] == checks
  index = "--retries 1 --extra-index-url https://download.pytorch.org/whl/cpu"
  assert lines[-5] == from_lock("torch", "--no-deps", index)
  assert from_lock("parity") not in lines
  status, _, errors = checkout.run("test.sh", CI="true", **without)
  assert status == 1
  assert "CI=true: no torch could be installed" in errors


def test_quick_tests_come_first_and_heavy_ones_after_them(checkout):
  assert checkout.run("test.sh")[0] == 0
  quick, heavy = [line for line in checkout.log() if line.startswith("-m pytest")]
  assert quick.endswith("-m not slow and not heavy") and heavy.endswith("-m heavy and not slow")
  status, _, errors = checkout.run("test.sh", "--quick")
  assert status == 0 and "left out: tests marked heavy or slow" in errors
  assert [line for line in checkout.log() if line.startswith("-m pytest")] == [quick]
  status, _, errors = checkout.run("test.sh", "--quick", "-k", "launch")
  assert status == 2 and "--quick takes no further arguments" in errors


def test_a_torch_with_another_hash_is_not_taken_for_none(checkout):
  fail = (
    'case "$*" in *torch.txt) echo "THESE PACKAGES DO NOT MATCH THE HASHES" >&2; exit 1 ;; esac'
  )
  for name in checkout.names:
    checkout.write(name, FAKE_PYTHON.replace("words=", f"{fail}\nwords="))
  status, _, errors = checkout.run("test.sh", "-k", "x")
  assert status == 1
  assert "DO NOT MATCH THE HASHES" in errors.splitlines()[-2]
  assert errors.splitlines()[-1].startswith("labse-jax: launch/locks/torch.txt could not")


def test_tests_install_torch_before_what_needs_it(checkout):
  assert checkout.run("test.sh")[0] == 0
  lines = [line for line in checkout.log() if "pip" in line]
  installed = [from_lock(name) for name in ("tpu", "test")]
  torch = from_lock("torch", "--no-deps")
  assert lines[-5:] == [*installed, torch, from_lock("parity"), "-m pip check"]


def test_tests_refuse_packages_that_do_not_fit_together(checkout):
  status, _, errors = checkout.run("test.sh", FAKE_FAIL="pip check")
  assert status == 1 and "its packages do not fit together" in errors.splitlines()[-1]


def test_the_newest_python_has_an_environment_of_its_own(checkout):
  checkout.write("our_python", FAKE_PYTHON)
  assert checkout.run("test_newest.sh", "-k", "name", NEWEST="our_python")[0] == 0
  venv = checkout.root.resolve() / ".venv-newest"
  first, *_, last = checkout.log()
  assert (first, last) == (f"-m venv {venv}", "-m pytest -k name")
  assert not (checkout.root / ".venv").exists()
  status, _, errors = checkout.run("test_newest.sh", NEWEST="absent", LABSE_VENV="")
  assert status == 0 and "absent" not in errors  # The environment is there by now.


def test_a_newest_environment_that_was_broken_off_is_made_again_with_that_python(checkout):
  checkout.write("our_python", FAKE_PYTHON)
  newest = {"NEWEST": "our_python", "LABSE_PYTHON": "absent"}
  assert checkout.run("test_newest.sh", "-k", "name", **newest)[0] == 0
  venv = checkout.root.resolve() / ".venv-newest"
  (venv / "installing").touch()
  (venv / "old").touch()
  (checkout.bin / "python3").unlink()
  assert checkout.run("test_newest.sh", "-k", "name", **newest)[0] == 0
  assert not (venv / "old").exists() and checkout.log().count(f"-m venv {venv}") == 2


def test_a_newest_python_that_is_not_there_is_told(checkout):
  status, _, errors = checkout.run("test_newest.sh", NEWEST="absent")
  assert status == 2
  assert "absent makes no virtual environment; NEWEST=PATH names another" in errors


@pytest.mark.heavy
def test_local_has_a_device_for_each_core():
  code = "import jax, os; print(len(jax.devices()), jax.default_backend())"
  env = {k: v for k, v in os.environ.items() if k not in ("XLA_FLAGS", "JAX_PLATFORMS")}
  done = subprocess.run(
    ["bash", ROOT / "launch" / "local.sh", "-c", code],
    text=True,
    capture_output=True,
    env=env | {"LABSE_PYTHON": sys.executable},
    check=True,
  )
  cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
  devices, backend = done.stdout.split()
  assert backend == "cpu"
  assert int(devices) == min(8, 1 << (cores.bit_length() - 1))


def test_local_keeps_the_settings_of_its_caller(checkout):
  checkout.write("show", '#!/bin/bash\n[ "$1" = -c ] || echo "$XLA_FLAGS $GLIBC_TUNABLES"\n')
  _, output, _ = checkout.run(
    "local.sh",
    "-V",
    LABSE_PYTHON=str(checkout.bin / "show"),
    GLIBC_TUNABLES="a.b.c=1",
    XLA_FLAGS="--one --xla_force_host_platform_device_count=2",
  )
  assert output == (
    "--one --xla_force_host_platform_device_count=2 a.b.c=1:glibc.malloc.hugetlb=1\n"
  )


@pytest.mark.parametrize(("given", "wanted"), [("", "0.9"), ("0.5", "0.5")])
def test_gpus_give_more_of_their_memory_unless_the_caller_says_otherwise(checkout, given, wanted):
  checkout.write("show", '#!/bin/bash\n[ "$1" = -c ] || echo "$XLA_PYTHON_CLIENT_MEM_FRACTION"\n')
  env = {"LABSE_PYTHON": str(checkout.bin / "show"), "XLA_PYTHON_CLIENT_MEM_FRACTION": given}
  assert checkout.run("gpu.sh", "-V", **env) == (0, f"{wanted}\n", "")


def test_gpus_have_what_cuda_needs(checkout):
  assert checkout.run("gpu.sh", "-m", "labse_jax.train")[0] == 0
  log = checkout.log()
  assert from_lock("cuda") in log and log[-1] == "-m labse_jax.train"


def tpu_vm(checkout, command, *words):
  return checkout.run("tpu_vm.sh", command, "--name", "t", "--zone", "z", "--dry-run", *words)


SSH = "gcloud compute tpus tpu-vm ssh t --zone=z --worker=all "
DRY_RUNS = {
  ("create",): "gcloud compute tpus tpu-vm create t --zone=z --accelerator-type=v3-32 "
  "--version=tpu-ubuntu2204-base\n",
  ("create", "--type", "v4-8", "--version", "v 2", "--spot"): "gcloud compute tpus tpu-vm create t "
  "--zone=z --accelerator-type=v4-8 '--version=v 2' --spot\n",
  ("install",): "mkdir -p runs\n"
  "git archive --output=runs/labse_jax.tar.gz HEAD\n"
  "gcloud compute tpus tpu-vm scp runs/labse_jax.tar.gz t: --zone=z --worker=all\n"
  f"{SSH}'--command=set -e; mkdir -p labse_jax; tar -xzf labse_jax.tar.gz -C labse_jax; "
  r"python3 -c '\''import sys; assert sys.version_info >= (3, 11)'\'' || "
  "(sudo apt-get update && sudo apt-get install -y python3.11-venv); "
  "LABSE_EXTRA=tpu bash labse_jax/launch/environment.sh'\n",
  ("run", "--", "-m", "labse_jax.train", "--config=a.py:b=1,c"): f"{SSH}'--command=cd labse_jax && "
  "LABSE_DISTRIBUTED=1 .venv/bin/python -m labse_jax.train --config=a.py:b=1,c'\n",
  ("delete",): "gcloud compute tpus tpu-vm delete t --zone=z\n",
}


@pytest.mark.parametrize("words", DRY_RUNS, ids=" ".join)
def test_tpu_vm_prints_what_it_would_run(checkout, words):
  assert tpu_vm(checkout, *words) == (0, DRY_RUNS[words], "")


def test_tpu_vm_brings_every_argument_to_the_worker_as_it_was(checkout):
  arguments = ["a b", "it's", '"$HOME"', "*", "", "\\", "x;y"]
  _, output, _ = tpu_vm(checkout, "run", "--", *arguments)
  command = shlex.split(output)[-1].removeprefix("--command=")
  worker = checkout.cwd / "worker" / "labse_jax" / ".venv" / "bin"
  worker.mkdir(parents=True)
  (worker / "python").write_text('#!/bin/bash\nprintf "%s\\n" "$LABSE_DISTRIBUTED" "$@"\n')
  (worker / "python").chmod(0o755)
  done = subprocess.run(
    ["bash", "-c", command], cwd=checkout.cwd / "worker", text=True, capture_output=True, check=True
  )
  assert done.stdout.split("\n")[:-1] == ["1", *arguments]


def test_tpu_vm_says_how_to_go_on_after_a_run_that_ended(checkout):
  checkout.write("gcloud", "#!/bin/bash\nexit 5\n")
  status, _, errors = checkout.run("tpu_vm.sh", "run", "--name", "t", "--zone", "z", "--", "-V")
  assert status == 5
  assert "The same command goes on from the newest checkpoint" in errors


@pytest.mark.parametrize(
  "words,message",
  [
    (["restart"], "unknown command 'restart'; choose from create, install, run, delete"),
    (["create", "--zone", "z"], "--name NAME is missing"),
    (["create", "--name", "t"], "--zone ZONE is missing"),
    (["create", "--name"], "--name needs a value"),
    (["run", "--name", "t", "--zone", "z"], "nothing to run"),
    (["delete", "--name", "t", "--zone", "z", "--", "x"], "delete takes no arguments"),
    (["delete", "t"], "unknown option 't'"),
  ],
)
def test_tpu_vm_refuses_in_one_line(checkout, words, message):
  status, output, errors = checkout.run("tpu_vm.sh", *words)
  assert (status, output, len(errors.splitlines())) == (2, "", 1)
  assert message in errors


@pytest.mark.slow
def test_quickstart_small_from_nothing(tmp_path):
  clone = tmp_path / "clone"
  subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
  command = ["bash", clone / "launch" / "quickstart.sh", "--small"]
  env = {k: v for k, v in os.environ.items() if k != "LABSE_PYTHON"}
  done = subprocess.run(command, text=True, capture_output=True, cwd=tmp_path, env=env, check=False)
  assert done.returncode == 0, done.stderr
  run = clone / "runs" / "quickstart_small"
  for name in ("model/modules.json", "evaluation.json", "report.html", "metrics.jsonl"):
    assert (run / name).stat().st_size > 0, name
  again = subprocess.run(command, text=True, capture_output=True, cwd=tmp_path, env=env, check=True)
  assert again.stdout.startswith("All is done")
