"""The file of a folder that holds its tokenizer, and the `tokenizers` backend that it describes.

vocab.txt and sentencepiece.bpe.model leave much open; that is decided as in transformers 5.
settings.py reads case, accents and the special tokens.
"""

from collections.abc import Mapping
import pathlib
from typing import Any

from google.protobuf.message import DecodeError
from sentencepiece import sentencepiece_model_pb2
from tokenizers import (
  AddedToken,
  Tokenizer,
  decoders,
  models,
  normalizers,
  pre_tokenizers,
  processors,
)

from labse_jax.base import files
from labse_jax.base.errors import InputError
from labse_jax.base.types import PathLike
from labse_jax.tokenizer import growth, settings

NAMES = ("tokenizer.json", "vocab.txt", "sentencepiece.bpe.model")  # The first that is there.
BERT = {
  "unk_token": "[UNK]",
  "cls_token": "[CLS]",
  "sep_token": "[SEP]",
  "pad_token": "[PAD]",
  "mask_token": "[MASK]",
}
XLM_R = {
  "bos_token": "<s>",
  "pad_token": "<pad>",
  "eos_token": "</s>",
  "unk_token": "<unk>",
  "cls_token": "<s>",
  "sep_token": "</s>",
  "mask_token": "<mask>",
}
MPNET: dict[str, Any] = XLM_R | {
  "unk_token": "[UNK]",
  "mask_token": {"content": "<mask>", "lstrip": True, "normalized": False},
}
PROTO = sentencepiece_model_pb2
FIRST_PIECES = ["<unk>", "<s>", "</s>"]  # Of each sentencepiece model that is read.
FIRST = len(FIRST_PIECES)  # The place of the first piece of text.


def tokenizer_file(folder: PathLike) -> pathlib.Path:
  """The path of the folder's tokenizer; tokenizer.json comes first where there are several."""
  folder = pathlib.Path(folder)
  for name in NAMES:
    if (folder / name).is_file():
      return folder / name
  raise InputError(f"{folder}: has no tokenizer; one of {', '.join(NAMES)} is needed.")


def backend(path: pathlib.Path) -> Tokenizer:
  """The tokenizers.Tokenizer of one of the files NAMES; raises InputError for a damaged one."""
  if not path.is_file():
    raise InputError(f"{path}: no such file; a model folder needs its tokenizer.json.")
  config = settings.read(path.parent)
  settings.check(config, path.parent)
  readers = {".txt": _from_vocabulary, ".model": _from_sentencepiece}
  tokenizer = readers.get(path.suffix, _from_json)(path, config)
  growth.check(tokenizer, path)
  return tokenizer


def _from_json(path: pathlib.Path, config: Mapping[str, Any]) -> Tokenizer:
  try:
    tokenizer = Tokenizer.from_file(str(path))
  except Exception as error:  # The library raises bare Exception.
    raise InputError(f"{path}: not a tokenizer.json ({error}).") from error
  named = settings.named_tokens(config, path.parent)
  added = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
  if named - added:
    raise InputError(
      f"{path}: its added tokens lack {sorted(named - added)}, which tokenizer_config.json or "
      "special_tokens_map.json beside it names. Save the folder anew with transformers, which "
      "writes them there."
    )
  return tokenizer


def check_frame(tokenizer: Tokenizer, path: pathlib.Path) -> None:
  """Raises InputError unless a text alone stands once in its ids, and all are of the first type.

  The tokenizer neither pads nor cuts.
  """
  framed = tokenizer.encode("a")
  processor = tokenizer.post_processor
  # A template counts even where no special tokens are asked for.
  tokenizer.post_processor = None
  tokens = len(tokenizer.encode("a"))
  tokenizer.post_processor = processor
  added = tokenizer.num_special_tokens_to_add(False)
  if len(framed) != tokens + added or any(framed.type_ids):
    raise InputError(
      f"{path}: its post-processor repeats a text, or gives it token types other than 0; "
      "that is not supported."
    )


def _from_vocabulary(path: pathlib.Path, config: Mapping[str, Any]) -> Tokenizer:
  """WordPiece as in BERT, with MPNet's special tokens where the folder is one."""
  folder = path.parent
  ids = _read_pieces(path)
  is_mpnet = settings.tokenizer_class(folder) == "MPNetTokenizer"
  special = settings.special_tokens(config, MPNET if is_mpnet else BERT, folder)
  unk = special["unk_token"].content
  cls = special["cls_token"].content
  sep = special["sep_token"].content
  for token in (unk, cls, sep):
    if token not in ids:
      raise InputError(f"{path}: has no {token}, one of its special tokens.")
  tokenizer = Tokenizer(models.WordPiece(ids, unk_token=unk))
  tokenizer.normalizer = normalizers.BertNormalizer(**settings.normaliser(config, folder))
  tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
  tokenizer.decoder = decoders.WordPiece(prefix="##")
  if is_mpnet:
    tokenizer.post_processor = processors.RobertaProcessing(
      (sep, ids[sep]), (cls, ids[cls]), add_prefix_space=False
    )
  else:
    tokenizer.post_processor = _template((cls, ids[cls]), (sep, ids[sep]), f"$B:1 {sep}:1")
  _add(tokenizer, config, special, folder)
  return tokenizer


def _from_sentencepiece(path: pathlib.Path, config: Mapping[str, Any]) -> Tokenizer:
  """XLM-R's Unigram. As in fairseq, its first ids are <s> <pad> </s> <unk>, its last is <mask>."""
  folder = path.parent
  proto = _read_proto(path)
  special = settings.special_tokens(config, XLM_R, folder)
  bos = special["bos_token"].content
  eos = special["eos_token"].content
  first = ("bos_token", "pad_token", "eos_token", "unk_token")
  scores = [(special[name].content, 0.0) for name in first]
  scores += [(piece.piece, piece.score) for piece in proto.pieces[FIRST:]]
  scores.append((special["mask_token"].content, 0.0))
  tokenizer = Tokenizer(models.Unigram(scores, unk_id=3, byte_fallback=False))
  tokenizer.normalizer = _precompiled(proto.normalizer_spec.precompiled_charsmap, path)
  tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
  )
  tokenizer.decoder = decoders.Metaspace()
  tokenizer.post_processor = _template((bos, 0), (eos, 2), f"{eos} $B {eos}")
  tokenizer.add_tokens(_whole_pieces(proto))
  _add(tokenizer, config, special, folder)
  return tokenizer


def _whole_pieces(proto: Any) -> list[AddedToken]:
  """The AddedTokens of sentencepiece's control pieces and of a person's own."""
  kinds = PROTO.ModelProto.SentencePiece
  found = []
  for piece in proto.pieces[FIRST:]:
    if piece.type in (kinds.CONTROL, kinds.USER_DEFINED):
      special = piece.type == kinds.CONTROL
      found.append(AddedToken(piece.piece, normalized=False, special=special))
  return found


def _precompiled(rules: bytes, path: pathlib.Path) -> normalizers.Precompiled | None:
  try:
    return normalizers.Precompiled(rules) if rules else None
  except Exception as error:  # The library raises bare Exception.
    raise InputError(f"{path}: its normalisation is damaged ({error}).") from error


def _template(
  cls: tuple[str, int],
  sep: tuple[str, int],
  second: str,
) -> processors.TemplateProcessing:
  """What frames a text; `second` is what follows it in a pair. `cls` and `sep` are (token, id)."""
  single = f"{cls[0]} $A {sep[0]}"
  return processors.TemplateProcessing(
    single=single, pair=f"{single} {second}", special_tokens=[cls, sep]
  )


def _add(
  tokenizer: Tokenizer,
  config: Mapping[str, Any],
  special: Mapping[str, AddedToken],
  folder: pathlib.Path,
) -> None:
  """Adds the tokens that the folder's settings name, each with the id that they give it."""
  special_texts = {token.content for token in special.values()}
  for number, token in settings.added_tokens(config, folder).items():
    token.special = token.special or token.content in special_texts
    tokenizer.add_tokens([token])
    got = tokenizer.token_to_id(token.content)
    if got != number:
      raise InputError(
        f"{folder}: the added token {token.content!r} is to have the id {number}; "
        f"behind its vocabulary it has {got}."
      )
  added = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
  new = []
  for token in special.values():
    # A mask or pad that the vocabulary lacks would get an id for which the model has no row.
    if token.content not in added and tokenizer.token_to_id(token.content) is not None:
      new.append(token)
  for token in settings.more_special_tokens(config, folder):
    if token.content not in added:
      new.append(token)
  tokenizer.add_special_tokens(new)


def _read_pieces(path: pathlib.Path) -> dict[str, int]:
  """{piece: id} of a vocab.txt."""
  ids: dict[str, int] = {}
  for number, line in files.read_lines(path):
    piece = line.rstrip()
    if not piece:
      raise InputError(f"{path}:{number}: an empty line; each line holds a piece.")
    if piece in ids:
      raise InputError(f"{path}:{number}: {piece!r} is already on line {ids[piece] + 1}.")
    ids[piece] = number - 1
  if not ids:
    raise InputError(f"{path}: is empty; each line holds a piece.")
  return ids


def _read_proto(path: pathlib.Path) -> Any:
  """A sentencepiece model of XLM-R's kind: Unigram, and its first pieces are `FIRST_PIECES`."""
  try:
    proto = PROTO.ModelProto.FromString(path.read_bytes())
  except DecodeError as error:
    raise InputError(f"{path}: not a sentencepiece model, or cut short ({error}).") from error
  first = [piece.piece for piece in proto.pieces[:FIRST]]
  if first != FIRST_PIECES:
    raise InputError(
      f"{path}: its first pieces are {first}; {FIRST_PIECES}, as in XLM-R's, are needed."
    )
  unigram = proto.trainer_spec.model_type == PROTO.TrainerSpec.UNIGRAM
  if not unigram or proto.trainer_spec.byte_fallback:
    raise InputError(f"{path}: a Unigram model without byte pieces, as XLM-R's, is needed.")
  return proto
