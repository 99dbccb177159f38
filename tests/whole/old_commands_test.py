"""The commands of the README before its flags were renamed: each of them still means the same."""

import importlib
import json
import shlex

import pytest

from labse_jax.base.command import Command

QUICK = "experiments/quickstart.py:data=runs/mine/data,tokenizer=runs/mine/vocabulary,seconds=600"
PRETRAIN = "data=runs/mine/data,tokenizer=runs/mine/vocabulary"
COMMANDS = f"""
prepare --input my.tsv.gz --source-language eng --target-language deu --output runs/mine/data
prepare --format text --source-language eng --input wiki.txt.xz --max-characters 5000 --output r
prepare --input pairs.tsv --columns=-,source,target --source-language deu --target-language eng \
 --without tatoeba ntrex --output runs/mine/mined
prepare --format text --input wiki.eng.txt wiki.deu.txt --max-characters 5000 --output runs/text
prepare --input w.whl --output d --held-out 1000 --min-characters 12 --max-characters 200
prepare --input d.tsv --output d --pivot eng --pivot-pairs 3 --allow-bad-lines 0.1 --max-ratio 3
vocabulary --data runs/mine/data --size 16000 --output runs/mine/vocabulary
vocabulary --data d --size 32000 --kind wordpiece --exponent 0.3 --sentences 60000 --output v
teach --model FOLDER --data runs/data --precision bfloat16 --prompt 'query: '
hard_negatives --model F --data d --k 5 --margin 0.01 --candidates 50 --precision bfloat16
train --workdir runs/mine --config {QUICK}
train --workdir runs/mine/tuned --config experiments/finetune.py:model=FOLDER,steps=1000 \
 --config.chunks=4 --config.freeze='()'
train --workdir runs/mine/pretrained --config.model.vocab_size=16000 \
 --config experiments/pretrain_small.py:{PRETRAIN},text=runs/mine/text
train --workdir w --config.model.vocab_size=16000 --config \
 experiments/pretrain_small.py:stage=dual_encoder,{PRETRAIN},init=runs/mine/pretrained/model
plan --config experiments/labse/paper.py --topology v3:16x16 --output plan.json --no-search
encode --model runs/mine/model --input lines.txt --output lines.npy
encode --model FOLDER --input lines.txt --output lines.npy --precision bfloat16 --prompt 'query: '
trim --model LaBSE --data runs/mine/data --output runs/mine/small --megabytes 400
trim --model LaBSE --text a.txt b.txt --rows 5000 --output small --storage float16
extend --model LaBSE --text kabyle.txt --pieces 2000 --output runs/mine/kabyle
convert --input bert_model.ckpt --output runs/mine/bert --check vectors.jsonl
evaluate --model FOLDER --model OTHER --suite tatoeba --data tatoeba --languages 14 \
 --output both.json --report both.html
evaluate --model F --suite xsim --data ntrex --option margin=distance --minimum 200 \
 --precision bfloat16 --output xsim.json
evaluate --suite tatoeba --data tatoeba --write-texts texts.txt
mine --model FOLDER --source de.txt --target en.txt.xz --output pairs.tsv --threshold 1.06
mine --model F --source de.txt --target en.txt --output p.tsv --precision 0.95 --report p.html \
 --dtype bfloat16 --search int8 --one-script --language-id --retrieval max --margin ratio --k 4
align --model FOLDER --source book.de --target book.en --output book.tmx --format tmx
align --model F --source a.de --target a.en --output p.tsv --largest 6 --gold g --precision bfloat16
report runs/quickstart --data held_out
"""
COMMANDS = COMMANDS.strip().replace("\\\n", "").splitlines()
RENAMED = {
  "--size 16000": {"pieces": 16_000},
  "--precision bfloat16": {"dtype": "bfloat16"},
  "--precision 0.95": {"precision": 0.95, "dtype": "bfloat16"},
  "--margin 0.01": {"cosine_margin": 0.01},
  "--rows 5000": {"pieces": 5000, "input": ["a.txt", "b.txt"]},
  "--text kabyle": {"input": ["kabyle.txt"]},
  "--minimum 200": {"min_pairs": 200},
  "--largest 6": {"max_sentences": 6},
}


class Parsed(Exception):
  """Carries the arguments out of a command before it does anything."""


@pytest.mark.parametrize("line", COMMANDS)
def test_it_is_parsed_as_it_was_meant(line, monkeypatch):
  parse = Command.parse

  def parse_and_stop(self, words):
    raise Parsed(parse(self, words))

  monkeypatch.setattr(Command, "parse", parse_and_stop)
  verb, *words = shlex.split(line)
  with pytest.raises(Parsed) as stopped:
    importlib.import_module(f"labse_jax.{verb}").main(words)
  args = vars(stopped.value.args[0])
  for old, meant in RENAMED.items():
    if old in line:
      assert {name: args[name] for name in meant} == meant


@pytest.mark.heavy
def test_the_quick_ones_run(tmp_path, tiny_folder, real_lines, monkeypatch, capsys):
  """Each goes on with what those before it wrote."""
  monkeypatch.chdir(tmp_path)
  (tmp_path / "lines.txt").write_text("\n".join(real_lines[:300]), "utf-8")
  (tmp_path / "de.txt").write_text("\n".join(real_lines[:80]), "utf-8")
  (tmp_path / "en.txt").write_text("\n".join(f"{line}!" for line in real_lines[20:120]), "utf-8")
  pairs = [f"{line}\t{line[::-1]}" for line in real_lines[:200]]
  (tmp_path / "my.tsv").write_text("\n".join(pairs), "utf-8")
  for side in ("deu", "eng"):
    (tmp_path / f"tatoeba.deu-eng.{side}").write_text("\n".join(real_lines[:30]), "utf-8")
  for line in f"""
prepare --input my.tsv --source-language eng --target-language deu --output data
vocabulary --data data --size 300 --output vocabulary
encode --model {tiny_folder} --input lines.txt --output lines.npy --precision bfloat16
trim --model {tiny_folder} --text lines.txt --rows 400 --output small --storage float16
extend --model {tiny_folder} --text de.txt --pieces 20 --output more
hard_negatives --model {tiny_folder} --data data --k 2 --margin 0.01 --candidates 20
teach --model {tiny_folder} --data data --precision bfloat16
evaluate --model {tiny_folder} --suite tatoeba --data . --minimum 10 --output result.json
mine --model {tiny_folder} --source de.txt --target en.txt --output p.tsv --threshold 1.0
align --model {tiny_folder} --source de.txt --target en.txt --output a.tsv --largest 3
""".strip().splitlines():
    verb, *words = shlex.split(line)
    assert not importlib.import_module(f"labse_jax.{verb}").main(words), line
  results = json.loads((tmp_path / "result.json").read_text())["results"]
  assert results["deu"]["accuracy"]["value"] == 1
  assert (tmp_path / "p.tsv").stat().st_size and (tmp_path / "a.tsv").stat().st_size
  assert "warning" not in capsys.readouterr().err
