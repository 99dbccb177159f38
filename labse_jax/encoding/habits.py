"""Names that users of sentence-transformers know and SentenceEncoder lacks: what to do instead.

docs/sentence_transformers.md is the same as a table, and a test holds them together.
"""

from collections.abc import Iterable

from labse_jax.base.errors import nearest

DEVICES = (
  "it runs on every device that JAX sees; JAX_PLATFORMS=cpu or CUDA_VISIBLE_DEVICES=0, set before "
  "Python starts, choose others"
)
DTYPE = 'open it in another type: SentenceEncoder(FOLDER, dtype="bfloat16"), or "float32"'
TRAINING = "an encoder only encodes; `labse-jax train` trains, also from a model folder"
WEIGHTS = "encoder.params holds the weights, as JAX arrays"
MODULES = "a folder's modules are fixed: a transformer, pooling, a dense layer, normalisation"
ADAPTERS = "adapters are not read; merge them into the weights, and open the folder of that"
TEXT = "it encodes text alone: a string, or a list of strings"
TOKENIZE = "encoder.tokenize(TEXTS) gives ids and masks"
LIMIT = "the folder says how texts are split; encoder.max_seq_length can be set"
HUB = "encoder.save(FOLDER) writes a folder, and `hf upload ORG/NAME FOLDER` uploads it"
POOL = "encode uses every device of the machine by itself"
SAVE = "encoder.save(FOLDER) writes everything"
DOWNLOAD = "`hf download ORG/NAME --local-dir FOLDER` takes such options; open FOLDER then"
TRUNCATE = "set encoder.truncate_dim, or give truncate_dim to encode"
SIMILARITY = "set encoder.similarity_fn_name to 'cosine', 'dot', 'euclidean' or 'manhattan'"
OPTIONS = "dtype, prompts, default_prompt_name, similarity_fn_name and truncate_dim are the options"
CARD = "the folder's README.md is the model card; edit it there"
TORCH = "it is a part of PyTorch's modules; this model is JAX's"

_ATTRIBUTES = {
  DEVICES: "to cpu cuda xpu ipu mtia to_empty share_memory clear_placement_cache "
  "is_hpu_graph_enabled",
  DTYPE: "half bfloat16 float double type",
  TRAINING: "fit old_fit train eval training requires_grad_ zero_grad smart_batching_collate "
  "gradient_checkpointing_enable",
  WEIGHTS: "parameters named_parameters get_parameter state_dict load_state_dict buffers "
  "named_buffers get_buffer transformers_model",
  MODULES: "append extend insert pop modules named_modules children named_children add_module "
  "register_module get_submodule set_submodule module_kwargs merge",
  ADAPTERS: "active_adapter active_adapters add_adapter delete_adapter disable_adapters "
  "enable_adapters get_adapter_state_dict load_adapter set_adapter has_peft_compatible_model "
  "check_peft_compatible_model",
  TEXT: "is_singular_input modalities supports",
  TOKENIZE: "preprocess get_sentence_features processor",
  HUB: "push_to_hub save_to_hub default_huggingface_organization",
  POOL: "start_multi_process_pool stop_multi_process_pool encode_multi_process compile",
  SAVE: "save_pretrained",
  TRUNCATE: "truncate_embeddings truncate_sentence_embeddings",
  OPTIONS: "config get_model_kwargs trust_remote_code",
  CARD: "model_card_data model_card_data_class",
  TORCH: "backend get_backend model_type forward apply extra_repr register_buffer "
  "register_parameter smart_apply register_backward_hook register_full_backward_hook "
  "register_full_backward_pre_hook register_forward_hook register_forward_pre_hook "
  "register_load_state_dict_post_hook register_load_state_dict_pre_hook "
  "register_state_dict_post_hook register_state_dict_pre_hook get_extra_state set_extra_state "
  "T_destination call_super_init dump_patches",
  "encoder.max_seq_length says it": "get_max_seq_length",
  "prompts are pooled with the text, as most models were trained": "set_pooling_include_prompt",
  "`labse-jax evaluate --model FOLDER` does it, and labse_jax.encoding.mteb for mteb": "evaluate",
  "encoder.similarity_fn_name takes 'cosine', 'dot', 'euclidean' and 'manhattan'": (
    "SUPPORTED_SIMILARITY_FN_NAMES"
  ),
  "encode says on stderr how many sentences were cut, and encode_counted returns it": "cut",
}
_ARGUMENTS = {
  DEVICES: "device",
  DTYPE: "model_kwargs",
  MODULES: "modules config_kwargs",
  LIMIT: "processor_kwargs tokenizer_kwargs processing_kwargs",
  DOWNLOAD: "cache_folder revision local_files_only token use_auth_token",
  CARD: "model_card_data create_model_card train_datasets model_name",
  TORCH: "backend",
  POOL: "pool chunk_size num_workers",
  "no code of a model is ever run; the folder needs one of BERT, XLM-R, MPNet, DistilBERT": (
    "trust_remote_code"
  ),
  "weights are always written as safetensors": "safe_serialization",
  "vectors are NumPy arrays: torch.from_numpy(vectors) makes a tensor of them": "convert_to_tensor",
  "only vectors of sentences are made, none of tokens": "output_value",
  'vectors are float32; vectors.astype("float16") makes them smaller': "precision",
  "encode_query and encode_document are the tasks": "task",
}
# What there is to read, and not to set.
READ_ONLY = {
  "device": DEVICES,
  "dtype": DTYPE,
  "dimension": TRUNCATE,
  "get_embedding_dimension": TRUNCATE,
  "get_sentence_embedding_dimension": TRUNCATE,
  "similarity": SIMILARITY,
  "similarity_pairwise": SIMILARITY,
  "params": "encoder.set_params(PARAMS) puts others on the devices",
  "tokenizer": "it belongs to the folder; `labse-jax trim` and `extend` change it",
}
# What means the same here as an argument that was left away, beside None.
_USUAL = {
  "model_kwargs": ({},),
  "config_kwargs": ({},),
  "processor_kwargs": ({},),
  "tokenizer_kwargs": ({},),
  "processing_kwargs": ({},),
  "local_files_only": (False,),
  "token": (False,),
  "use_auth_token": (False,),
  "create_model_card": (True,),
  "num_workers": (0,),
  "trust_remote_code": (False,),
  "safe_serialization": (True,),
  "convert_to_tensor": (False,),
  "output_value": ("sentence_embedding",),
  "precision": ("float32",),
}
# There, None asks for the vectors of tokens too.
_NOT_NONE = ("output_value",)


def _by_name(groups):
  return {name: advice for advice, names in groups.items() for name in names.split()}


ATTRIBUTES = _by_name(_ATTRIBUTES)
ARGUMENTS = _by_name(_ARGUMENTS)


def no_attribute(name: str, names: Iterable[str]) -> str:
  """The message for an attribute that there is not; `names` are those that there are."""
  if name in ATTRIBUTES:
    return f"SentenceEncoder has no {name}: {ATTRIBUTES[name]}."
  hint = nearest(name, names) or "."
  return f"SentenceEncoder has no {name!r}{hint} help(SentenceEncoder) shows all."


def no_setting(name: str, names: Iterable[str], settable: Iterable[str]) -> str:
  """The message where a name is set that is not `settable`; `names` are those that there are."""
  if name in READ_ONLY:
    return f"{name} cannot be set: {READ_ONLY[name]}."
  if name in names:
    return f"{name} is a method and cannot be set; {', '.join(settable)} can."
  return no_attribute(name, names)


def is_usual(name: str, value: object) -> bool:
  """Whether the argument `name`, which is not taken, says no more than what is done without it."""
  if value is None:
    return name not in _NOT_NONE
  # By type too: to Python 0 is False, and an array has no truth.
  return any(type(value) is type(one) and value == one for one in _USUAL.get(name, ()))
