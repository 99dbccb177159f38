"""The encoders that benchmarks/encode.py compares, each alive in a process of its own.

A contender is a function load(folder, scratch) that gives a function encode(lines, batch_size),
which gives vectors_ND. All take the same model folder and start from text. Those that bring no
tokenizer get the folder's, in its own fast library, and batches of sentences of like length, padded
to the longest.
"""

import contextlib
import functools
import importlib.util
import os
import statistics
import time
import warnings

import numpy as np


def labse_jax(folder, scratch, *, precision):
  """This project, as a person gets it: it chooses its batches itself."""
  from labse_jax import SentenceEncoder

  encoder = SentenceEncoder.load(folder, dtype=precision)
  return lambda lines, batch_size: encoder.encode(lines)


def sentence_transformers(folder, scratch):
  """sentence-transformers as it comes: torch, float32."""
  model = _sentence_transformer(folder)
  return lambda lines, batch_size: model.encode(lines, batch_size=batch_size)


def torch_bfloat16(folder, scratch):
  """The same modules with all weights in bfloat16."""
  import torch

  model = _sentence_transformer(folder, dtype=torch.bfloat16)

  @torch.inference_mode()
  def forward(ids_BL, mask_BL):
    features = {"input_ids": torch.from_numpy(ids_BL), "attention_mask": torch.from_numpy(mask_BL)}
    return model(features)["sentence_embedding"].float().numpy()

  return _by_length(folder, forward)


def onnx_runtime(folder, scratch, *, file):
  """ONNX Runtime with its default session options."""
  import onnxruntime

  session = onnxruntime.InferenceSession(scratch / file, providers=["CPUExecutionProvider"])

  def forward(ids_BL, mask_BL):
    return session.run(None, {"ids": ids_BL, "mask": mask_BL})[0]

  return _by_length(folder, forward)


def openvino(folder, scratch, *, precision):
  """OpenVINO on the same graph."""
  import openvino

  core = openvino.Core()
  model = core.read_model(scratch / "float32.onnx")
  compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": precision})

  def forward(ids_BL, mask_BL):
    return compiled([ids_BL, mask_BL])[0]

  return _by_length(folder, forward)


CONTENDERS = {  # Name: (load, the packages that it needs).
  "labse_jax float32": (functools.partial(labse_jax, precision="float32"), ()),
  "labse_jax bfloat16": (functools.partial(labse_jax, precision="bfloat16"), ()),
  "sentence-transformers": (sentence_transformers, ("torch", "sentence_transformers")),
  "torch bfloat16": (torch_bfloat16, ("torch", "sentence_transformers")),
  "ONNX Runtime float32": (
    functools.partial(onnx_runtime, file="float32.onnx"),
    ("torch", "sentence_transformers", "onnx", "onnxruntime"),
  ),
  "ONNX Runtime int8": (
    functools.partial(onnx_runtime, file="int8.onnx"),
    ("torch", "sentence_transformers", "onnx", "onnxruntime"),
  ),
  "OpenVINO float32": (
    functools.partial(openvino, precision="f32"),
    ("torch", "sentence_transformers", "onnx", "openvino"),
  ),
  "OpenVINO bfloat16": (
    functools.partial(openvino, precision="bf16"),
    ("torch", "sentence_transformers", "onnx", "openvino"),
  ),
}


def missing(name):
  """The packages that a contender needs and that are not installed."""
  _, packages = CONTENDERS[name]
  return [package for package in packages if importlib.util.find_spec(package) is None]


def export_onnx(folder, scratch, int8):
  """Writes float32.onnx, from token ids to the sentence's vector, and int8.onnx from it."""
  import torch

  pipeline = _sentence_transformer(folder)

  class Vectors(torch.nn.Module):
    def __init__(self):
      super().__init__()
      self.pipeline = pipeline

    def forward(self, ids, mask):
      return self.pipeline({"input_ids": ids, "attention_mask": mask})["sentence_embedding"]

  ids = torch.ones((2, 8), dtype=torch.int64)
  axes = {0: "sentences", 1: "tokens"}
  with warnings.catch_warnings(action="ignore"):  # The newer exporter needs one package more.
    torch.onnx.export(
      Vectors().eval(),
      (ids, ids),
      scratch / "float32.onnx",
      input_names=["ids", "mask"],
      output_names=["vectors"],
      dynamic_axes={"ids": axes, "mask": axes, "vectors": {0: "s"}},
      opset_version=17,
      dynamo=False,
    )
  if int8:
    from onnxruntime.quantization import quantize_dynamic

    quantize_dynamic(scratch / "float32.onnx", scratch / "int8.onnx")


def serve(name, folder, scratch, pipe):
  """A worker's life: loads a contender, then answers each (request, lines, batch_size)."""
  start = time.perf_counter()
  load, _ = CONTENDERS[name]
  encode = load(folder, scratch)
  pipe.send(time.perf_counter() - start)
  with contextlib.suppress(EOFError, KeyboardInterrupt):  # The benchmark itself was ended.
    while request := pipe.recv():
      pipe.send(_answer(encode, *request))


def _answer(encode, what, lines, batch_size):
  if what == "time":
    return timed(lambda: encode(lines, batch_size))
  if what == "latency":
    return statistics.median(timed(lambda: encode(lines, 1))["seconds"] for _ in range(30))
  return np.asarray(encode(lines, batch_size), np.float32)


def timed(run):
  """{"seconds": of run(), "other": the cores that other processes kept busy meanwhile}."""
  busy = busy_seconds()
  own = _own_seconds()
  start = time.perf_counter()
  run()
  seconds = time.perf_counter() - start
  other = busy_seconds() - busy - (_own_seconds() - own)
  return {"seconds": seconds, "other": max(0.0, other / seconds)}


def _own_seconds():
  times = os.times()
  return times.user + times.system


def busy_seconds():
  """CPU seconds that all processes have used since the machine started; nan outside Linux."""
  try:
    with open("/proc/stat") as file:
      user, nice, system, _, _, irq, soft, stolen = map(int, file.readline().split()[1:9])
  except OSError:
    return float("nan")
  return (user + nice + system + irq + soft + stolen) / os.sysconf("SC_CLK_TCK")


def _sentence_transformer(folder, **model_kwargs):
  from sentence_transformers import SentenceTransformer

  return SentenceTransformer(str(folder), device="cpu", model_kwargs=model_kwargs)


def _by_length(folder, forward):
  """Gives `forward(ids_BL, mask_BL)` the folder's tokenizer and batches of like length."""
  from labse_jax import model_folder
  from labse_jax.tokenizer.tokenizer import Tokenizer

  content = model_folder.read(folder)
  tokenizer = Tokenizer(content.tokenizer_file)
  pad = tokenizer.special_ids["pad"]

  def encode(lines, batch_size):
    prompted = [content.prompt + line for line in lines]
    tokens, _ = tokenizer.encode(prompted, content.max_length)
    order_N = np.argsort([-len(ids) for ids in tokens], kind="stable")
    vectors = []
    for start in range(0, len(order_N), batch_size):
      batch = [tokens[place] for place in order_N[start : start + batch_size]]
      vectors.append(forward(*padded(batch, pad)))
    return np.concatenate(vectors)[np.argsort(order_N)]

  return encode


def padded(tokens, pad):
  """(ids_BL, mask_BL), int64, of arrays of ids."""
  lengths = np.array([len(ids) for ids in tokens])
  mask_BL = np.arange(lengths.max()) < lengths[:, None]
  ids_BL = np.full(mask_BL.shape, pad, np.int64)
  ids_BL[mask_BL] = np.concatenate(tokens)
  return ids_BL, mask_BL.astype(np.int64)
