"""The file of a folder that holds its tokenizer, and the `tokenizers` backend that it describes.

What vocab.txt and sentencepiece.bpe.model leave open is as in transformers 5: see
tokenizer_settings.py for case, accents and the special tokens.
"""

import json
import pathlib

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
from labse_jax.tokenizer import settings

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
MPNET = XLM_R | {
  "unk_token": "[UNK]",
  "mask_token": {"content": "<mask>", "lstrip": True, "normalized": False},
}
REBUILT = ("BertTokenizer", "DistilBertTokenizer", "MPNetTokenizer")  # By transformers.
PROTO = sentencepiece_model_pb2


def tokenizer_file(folder):
  """The path of the folder's tokenizer; tokenizer.json is the truth where it is present."""
  folder = pathlib.Path(folder)
  for name in NAMES:
    if (folder / name).is_file():
      return folder / name
  raise InputError(f"{folder}: has no tokenizer; one of {', '.join(NAMES)} is needed.")


def backend(path):
  """The tokenizers.Tokenizer of one of the files NAMES; raises InputError for a damaged one."""
  if not path.is_file():
    raise InputError(f"{path}: no such file; a model folder needs its tokenizer.json.")
  readers = {".txt": _from_vocabulary, ".model": _from_sentencepiece}
  return readers.get(path.suffix, _from_json)(path)


def case_mismatch(tokenizer, folder):
  """What to tell the person where transformers does not follow the tokenizer.json, else None.

  Its BertTokenizer (also where no class is named) takes case, accents and CJK characters from
  tokenizer_config.json, or from its own defaults, and leaves tokenizer.json's normaliser aside.
  """
  folder = pathlib.Path(folder)
  name = settings.tokenizer_class(folder)
  if name not in REBUILT or not isinstance(tokenizer.backend.model, models.WordPiece):
    return None
  config = settings.read(folder)
  has, wants = _does(tokenizer.backend.normalizer), settings.normaliser(config, folder)
  wants = _does(normalizers.BertNormalizer(**wants))
  wrong = [
    key
    for key, (argument, _) in settings.NORMALISER.items()
    if has.get(argument, wants[argument]) != wants[argument]
  ]
  if not wrong:
    return None
  silent = "" if set(wrong) <= set(config) else " (where it is silent, its defaults)"
  return (
    f"{folder}: tokenizer.json and tokenizer_config.json disagree on {', '.join(wrong)}. Ids "
    f"here follow tokenizer.json; in transformers' {name} they follow tokenizer_config.json"
    f"{silent}. Make the two agree."
  )


def _does(normaliser):
  """{argument of BertNormalizer: what a normaliser does of it}, as far as it can be seen."""
  state = json.loads(normaliser.__getstate__()) if normaliser else {}
  parts = state.get("normalizers", [state])
  does = {"lowercase": any(p.get("lowercase") or p.get("type") == "Lowercase" for p in parts)}
  for part in parts:
    if part.get("type") == "BertNormalizer":
      strips = part["strip_accents"]
      does["strip_accents"] = part["lowercase"] if strips is None else strips
      does["handle_chinese_chars"] = part["handle_chinese_chars"]
  return does


def _from_json(path):
  try:
    return Tokenizer.from_file(str(path))
  except Exception as error:  # The library raises bare Exception.
    raise InputError(f"{path}: not a tokenizer.json ({error}).") from error


def _from_vocabulary(path):
  """WordPiece as in BERT, with MPNet's special tokens where the folder is one."""
  folder, ids = path.parent, _read_pieces(path)
  config, mpnet = settings.read(folder), settings.tokenizer_class(folder) == "MPNetTokenizer"
  special = settings.special_tokens(config, MPNET if mpnet else BERT, folder)
  unk, cls, sep = (special[f"{name}_token"].content for name in ("unk", "cls", "sep"))
  for token in (unk, cls, sep):
    if token not in ids:
      raise InputError(f"{path}: has no {token}, one of its special tokens.")
  tokenizer = Tokenizer(models.WordPiece(ids, unk_token=unk))
  tokenizer.normalizer = normalizers.BertNormalizer(**settings.normaliser(config, folder))
  tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
  tokenizer.decoder = decoders.WordPiece(prefix="##")
  cls, sep = (cls, ids[cls]), (sep, ids[sep])
  tokenizer.post_processor = (
    processors.RobertaProcessing(sep, cls, add_prefix_space=False)
    if mpnet
    else _template(cls, sep, f"$B:1 {sep[0]}:1")
  )
  _add(tokenizer, config, special, folder)
  return tokenizer


def _from_sentencepiece(path):
  """XLM-R's Unigram: its ids begin with <s> <pad> </s> <unk> and end with <mask>, as fairseq's."""
  folder, proto = path.parent, _read_proto(path)
  config = settings.read(folder)
  special = settings.special_tokens(config, XLM_R, folder)
  names = ("bos_token", "pad_token", "eos_token", "unk_token", "mask_token")
  bos, pad, eos, unk, mask = (special[name].content for name in names)
  pieces = [(piece.piece, piece.score) for piece in proto.pieces[3:]]
  pieces = [(bos, 0.0), (pad, 0.0), (eos, 0.0), (unk, 0.0), *pieces, (mask, 0.0)]
  tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3, byte_fallback=False))
  tokenizer.normalizer = _precompiled(proto.normalizer_spec.precompiled_charsmap, path)
  tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
  )
  tokenizer.decoder = decoders.Metaspace()
  tokenizer.post_processor = _template((bos, 0), (eos, 2), f"{eos} $B {eos}")
  kinds = {
    PROTO.ModelProto.SentencePiece.CONTROL: True,
    PROTO.ModelProto.SentencePiece.USER_DEFINED: False,
  }
  tokenizer.add_tokens(
    [
      AddedToken(piece.piece, normalized=False, special=kinds[piece.type])
      for piece in proto.pieces[3:]
      if piece.type in kinds
    ]
  )
  _add(tokenizer, config, special, folder)
  return tokenizer


def _precompiled(rules, path):
  try:
    return normalizers.Precompiled(rules) if rules else None
  except Exception as error:  # The library raises bare Exception.
    raise InputError(f"{path}: its normalisation is damaged ({error}).") from error


def _template(cls, sep, second):
  single = f"{cls[0]} $A {sep[0]}"
  return processors.TemplateProcessing(
    single=single, pair=f"{single} {second}", special_tokens=[cls, sep]
  )


def _add(tokenizer, config, special, folder):
  """Adds the tokens that the folder's settings name, each with the id that they give it."""
  named = {token.content for token in special.values()}
  for number, token in settings.added_tokens(config, folder).items():
    token.special = token.special or token.content in named
    tokenizer.add_tokens([token])
    got = tokenizer.token_to_id(token.content)
    if got != number:
      raise InputError(
        f"{folder}: the added token {token.content!r} is to have the id {number}; "
        f"behind its vocabulary it has {got}."
      )
  added = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
  # A mask or pad that the vocabulary lacks would be given a row that the model lacks.
  there = [t for t in special.values() if tokenizer.token_to_id(t.content) is not None]
  more = there + settings.more_special_tokens(config, folder)
  tokenizer.add_special_tokens([token for token in more if token.content not in added])


def _read_pieces(path):
  """{piece: id} of a vocab.txt."""
  ids = {}
  for number, line in files.read_lines(path):
    piece = line.rstrip()
    if not piece:
      raise InputError(f"{path}:{number}: an empty line; each line holds a piece.")
    if piece in ids:
      raise InputError(f"{path}:{number}: {piece!r} stands on line {ids[piece] + 1} already.")
    ids[piece] = number - 1
  if not ids:
    raise InputError(f"{path}: is empty; each line holds a piece.")
  return ids


def _read_proto(path):
  """A sentencepiece model of XLM-R's kind: Unigram, and <unk> <s> </s> are its first pieces."""
  try:
    proto = PROTO.ModelProto.FromString(path.read_bytes())
  except DecodeError as error:
    raise InputError(f"{path}: not a sentencepiece model, or cut short ({error}).") from error
  first = [piece.piece for piece in proto.pieces[:3]]
  if first != ["<unk>", "<s>", "</s>"]:
    raise InputError(
      f"{path}: its first pieces are {first}; ['<unk>', '<s>', '</s>'], as in XLM-R's, are needed."
    )
  unigram = proto.trainer_spec.model_type == PROTO.TrainerSpec.UNIGRAM
  if not unigram or proto.trainer_spec.byte_fallback:
    raise InputError(f"{path}: a Unigram model without byte pieces, as XLM-R's, is needed.")
  return proto
