import pathlib
import runpy

from setuptools import find_packages, setup

# Run by itself: the package need not be importable where it is built, nor JAX be there.
VERSION = runpy.run_path("labse_jax/base/version.py")["__version__"]

setup(
  name="labse_jax",
  version=VERSION,
  description="Language-agnostic sentence embeddings in JAX and Flax.",
  long_description=pathlib.Path("README.md").read_text(encoding="utf-8"),
  long_description_content_type="text/markdown",
  license="Apache-2.0",
  python_requires=">=3.11",
  packages=find_packages(include=["labse_jax", "labse_jax.*"]),
  # Makes `pip install -e` put this folder on Python's path. By its other way, a finder of modules,
  # a clone that is itself called labse_jax would hide the package in the folder above it.
  package_dir={"": "."},
  entry_points={"console_scripts": ["labse-jax=labse_jax.__main__:console"]},
  install_requires=[
    "jax>=0.10,<0.13",
    "flax>=0.12.8",
    "optax>=0.2.8",
    "orbax-checkpoint>=0.12,<0.13",
    "grain>=0.2.18",
    "tensorflow-datasets>=4.9.10",
    "array_record>=0.8",
    "ml_collections>=1.1",
    "absl-py",
    "numpy",
    "safetensors>=0.5",
    "tokenizers>=0.21",
    "scipy",
    "sentencepiece>=0.2",
    "protobuf",
    "defusedxml>=0.7",
    "zstandard>=0.23",
    "tqdm",
    "matplotlib>=3.9",
  ],
  extras_require={
    "tpu": ["jax[tpu]"],
    "cuda": ["jax[cuda13]"],
    "plan": ["libtpu==0.0.42.*"],  # The one that matches jax 0.10.2; Linux on x86 only.
    "tensorboard": ["tensorboardX"],
    "tensorflow": ["tensorflow>=2.18"],  # To read its checkpoints, by labse_jax.convert alone.
    "test": [
      "pytest>=8",
      "pytest-xdist>=3.6",
      "chex",
      "faiss-cpu",
      "humanize",
      "ruff",
      "nbclient",
      "nbformat",
      "ipykernel",
      "polib>=1.2",
      "psutil",
      "py3langid>=0.4",
      'libtpu==0.0.42.*; sys_platform == "linux" and platform_machine == "x86_64"',
    ],
    "parity": ["torch", "transformers", "sentence-transformers"],
    "hub": ["huggingface_hub>=0.30"],
    "mteb": ["mteb>=2.26"],
    "faiss": ["faiss-cpu>=1.15"],
    "langid": ["py3langid>=0.4"],
  },
)
