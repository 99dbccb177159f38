"""What a folder's small JSON files say of its tokenizer: class, case and special tokens.

They are read as transformers 5 reads them. Where they are absent or silent, the tokenizer is a
BertTokenizer. It lowercases and therefore strips accents, and makes each CJK character a word.
"""

from collections.abc import Mapping
import pathlib
from typing import Any

from tokenizers import AddedToken

from labse_jax.base.errors import InputError
from labse_jax.base.files import read_json
from labse_jax.base.types import PathLike

# Keys of tokenizer_config.json: the name that BertNormalizer has for it, and the default.
NORMALISER: dict[str, tuple[str, bool | None]] = {
  "do_lower_case": ("lowercase", True),
  "strip_accents": ("strip_accents", None),
  "tokenize_chinese_chars": ("handle_chinese_chars", True),
}
NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
CLASSES = {"mpnet": "MPNetTokenizer", "xlm-roberta": "XLMRobertaTokenizer"}  # By model_type.
FLAGS = ("single_word", "lstrip", "rstrip", "normalized")


def read(folder: pathlib.Path) -> dict[str, Any]:
  """tokenizer_config.json as a dict, with what older folders keep in other files."""
  config = read_json(folder / "tokenizer_config.json", {})
  if "added_tokens_decoder" in config:
    return config
  # The additional special tokens of special_tokens_map.json do not count here, so this comes first.
  special = {token.content for token in more_special_tokens(config, folder)}
  config |= read_json(folder / "special_tokens_map.json", {})
  for name in NAMED:
    if config.get(name):
      special.add(_token(config[name], folder).content)
  decoder = {}
  for token, number in read_json(folder / "added_tokens.json", {}).items():
    is_special = token in special
    decoder[number] = {"content": token, "special": is_special, "normalized": not is_special}
  config["added_tokens_decoder"] = decoder
  return config


def tokenizer_class(folder: pathlib.Path) -> str:
  """The name of the class that transformers makes of the folder, without "Fast"."""
  model = read_json(folder / "config.json", {})
  config = read_json(folder / "tokenizer_config.json", {})
  name = (
    config.get("tokenizer_class")
    or model.get("tokenizer_class")
    or CLASSES.get(model.get("model_type", ""), "BertTokenizer")
  )
  return str(name).removesuffix("Fast")


def normaliser(config: Mapping[str, Any], folder: PathLike) -> dict[str, Any]:
  """The arguments of the BertNormalizer that a tokenizer_config.json describes."""
  arguments: dict[str, Any] = {"clean_text": True}
  for key, (name, default) in NORMALISER.items():
    value = config.get(key, default)
    if not isinstance(value, bool) and value is not default:
      raise InputError(f"{folder}/tokenizer_config.json: {key} is {value!r}; true or false.")
    arguments[name] = value
  return arguments


def special_tokens(
  config: Mapping[str, Any],
  defaults: Mapping[str, Any],
  folder: PathLike,
) -> dict[str, AddedToken]:
  """{"cls_token": AddedToken, ...}: the defaults, under the names that the folder gives them."""
  added = {token.content: token for token in added_tokens(config, folder).values()}
  found = {}
  for name, text in defaults.items():
    token = _special(config.get(name) or text, folder)
    found[name] = added.get(token.content, token)
  return found


def added_tokens(config: Mapping[str, Any], folder: PathLike) -> dict[int, AddedToken]:
  """{id: AddedToken} of the tokens that were added to the vocabulary, ids in ascending order."""
  decoder = config["added_tokens_decoder"]
  if not isinstance(decoder, dict):
    raise InputError(f"{folder}: added_tokens_decoder is {decoder!r}; an object is needed.")
  tokens = {}
  for number, value in decoder.items():
    if not str(number).isdecimal():
      raise InputError(f"{folder}: an added token has the id {number!r}; a number is needed.")
    tokens[int(number)] = _token(value, folder)
  return dict(sorted(tokens.items()))


def more_special_tokens(config: Mapping[str, Any], folder: PathLike) -> list[AddedToken]:
  """The AddedTokens of additional_special_tokens."""
  values = config.get("additional_special_tokens") or []
  if not isinstance(values, list):
    raise InputError(f"{folder}: additional_special_tokens is {values!r}; a list is needed.")
  return [_special(value, folder) for value in values]


def _special(value: Any, folder: PathLike) -> AddedToken:
  token = _token(value, folder)
  token.special = True
  return token


def _token(value: Any, folder: PathLike) -> AddedToken:
  """The AddedToken of a value of these files, which is its text alone or an object with flags."""
  if isinstance(value, str):
    return AddedToken(value)
  if not isinstance(value, dict) or not isinstance(value.get("content"), str):
    raise InputError(
      f"{folder}: {value!r} in its tokenizer_config.json or special_tokens_map.json is no token."
    )
  flags = {name: bool(value[name]) for name in FLAGS if name in value}
  return AddedToken(value["content"], special=bool(value.get("special")), **flags)
