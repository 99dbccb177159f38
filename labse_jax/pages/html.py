"""The pieces of a quiet, self-contained HTML page; this module escapes every text."""

import base64
import html

SHOWN = {"CJK": "CJK"}  # Names that are not shown with small letters.
STYLE = """
:root { --ink: #1d2529; --quiet: #647078; --line: #e3e8ea; --accent: #0b7285; --tint: #eef6f7;
  --wrong: #9a5b13; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: var(--ink); font: 15px/1.55 system-ui, -apple-system,
  "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, "Noto Sans CJK SC", "Noto Sans CJK JP",
  "PingFang SC", "Hiragino Sans", "Microsoft YaHei", "Malgun Gothic", "Noto Sans Thai",
  "Noto Sans Devanagari", "Noto Naskh Arabic", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 44px 28px 72px; }
h1 { margin: 0; font-size: 27px; font-weight: 650; letter-spacing: -.01em;
  overflow-wrap: anywhere; }
h2 { margin: 52px 0 6px; padding-top: 20px; border-top: 1px solid var(--line); font-size: 19px;
  font-weight: 620; }
p { margin: 4px 0 12px; max-width: 76ch; }
.quiet { color: var(--quiet); }
.notice { margin: 12px 0; padding: 9px 14px; max-width: none; border-left: 3px solid var(--wrong);
  background: #fcf7ef; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px;
  margin: 26px 0 0; }
.tile { padding: 13px 16px; border: 1px solid var(--line); border-radius: 8px; }
.tile b { display: block; font-size: 23px; font-weight: 620; line-height: 1.25;
  font-variant-numeric: tabular-nums; }
.tile:first-child { background: var(--tint); border-color: transparent; }
.tile:first-child b { color: var(--accent); }
.tile span { color: var(--quiet); font-size: 13px; }
figure { margin: 16px 0 8px; }
img { display: block; width: 100%; height: auto; }
.scroll { overflow-x: auto; }
figcaption { color: var(--quiet); font-size: 13.5px; }
.beside { display: grid; grid-template-columns: 1.15fr 1fr; gap: 30px; align-items: start; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums;
  font-size: 14px; }
th { color: var(--quiet); font-weight: 500; }
th, td { padding: 4px 10px; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { padding-left: 0; text-align: left; }
tr.total td { border-top: 2px solid var(--ink); border-bottom: 0; font-weight: 620; }
table.pairs td { text-align: start; vertical-align: top; line-height: 1.4; }
table.pairs td:first-child { width: 28px; color: var(--quiet); }
table.sentences th:last-child, table.sentences td:last-child { min-width: 210px; text-align: left; }
table.named td:first-child { width: auto; padding-right: 12px; }
table.pairs bdi, .query bdi { display: block; }
summary { margin: 8px 0; color: var(--accent); cursor: pointer; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(310px, 100%), 1fr));
  gap: 0 34px; margin: 10px 0; font-size: 14px; }
dl div { display: flex; justify-content: space-between; gap: 16px; padding: 3px 0;
  border-bottom: 1px solid var(--line); }
dl.wide { grid-template-columns: 1fr; }
dt { color: var(--quiet); white-space: nowrap; }
dd { margin: 0; text-align: right; overflow-wrap: anywhere; min-width: 0; }
dl.wide dt { width: 96px; flex: none; }
dl.wide dd { flex: 1; text-align: left; }
.cards { display: grid; grid-template-columns: 1fr 1fr; gap: 14px; }
.card { padding: 13px 16px 11px; border: 1px solid var(--line); border-radius: 8px; }
.card .query { margin: 8px 0; font-size: 16.5px; font-weight: 560; line-height: 1.4; }
.card ol { margin: 0; padding: 0; list-style: none; }
.card .head { display: flex; justify-content: space-between; font-size: 13px; }
.code { padding: 0 8px; border-radius: 10px; background: var(--tint); color: var(--accent); }
.hit { display: grid; grid-template-columns: 44px 1fr; gap: 10px;
  padding: 3px 0; line-height: 1.4; }
.score { color: var(--quiet); font-variant-numeric: tabular-nums; }
.right { color: var(--accent); font-weight: 600; }
.right .score { color: inherit; }
.wrong { color: var(--wrong); font-weight: 600; }
.card p.quiet { margin: 7px 0 0; padding-top: 6px; border-top: 1px dashed var(--line);
  font-size: 13px; }
.map { display: grid; grid-template-columns: 110px 1fr; gap: 5px 12px; align-items: start;
  margin: 12px 0; font-size: 13px; }
.map .squares { display: flex; flex-wrap: wrap; gap: 3px; }
.map .square { min-width: 44px; padding: 3px 6px; border-radius: 5px; text-align: center;
  font-size: 11.5px; line-height: 1.25; font-variant-numeric: tabular-nums; }
.map .square b { display: block; font-weight: 600; }
@media (max-width: 760px) {
  main { padding: 26px 16px 48px; }
  h2 { margin-top: 36px; }
  .beside, .beside > *, .cards { grid-template-columns: minmax(0, 1fr); min-width: 0; }
  .tiles { grid-template-columns: 1fr 1fr; }
  .map { grid-template-columns: 1fr; }
  th, td { padding: 4px 6px; }
  dt { white-space: normal; overflow-wrap: anywhere; }
}
@media print { h2 { break-after: avoid; } .card, figure { break-inside: avoid; } }
"""


def page(title, body):
  """A whole document around `body`, a list of pieces."""
  return (
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
    + "\n".join(body)
    + "\n</main>\n</body>\n</html>\n"
  )


def escape(text):
  """Any value as text that HTML shows as it is."""
  return html.escape(str(text))


def element(name, text, kind=None):
  """One element with plain text in it."""
  return f"<{name}{_class(kind)}>{escape(text)}</{name}>"


def notice(text):
  """A line that says what is missing or was left out."""
  return element("p", text, "notice")


def tiles(values):
  """The main figures, from (value, label) pairs."""
  inner = ""
  for value, label in values:
    inner += f'<div class="tile">{element("b", value)}{element("span", label)}</div>'
  return f'<div class="tiles">{inner}</div>'


def figure(png, alt, caption="", *, narrow=None):
  """An image inside the page; `narrow` is the one that a narrow screen shows instead."""
  image = f'<img alt="{escape(alt)}" src="{_data(png)}">'
  if narrow:
    source = f'<source media="(max-width: 760px)" srcset="{_data(narrow)}">'
    image = f"<picture>{source}{image}</picture>"
  if caption:
    image += element("figcaption", caption)
  return f"<figure>{image}</figure>"


def _data(png):
  return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def table(head, rows, *, total=None, kind=None):
  """A table of plain texts; `total` is its last row. One that is too wide scrolls by itself."""
  lines = [_table_row("td", row) for row in rows]
  if total:
    lines.append(_table_row("td", total, "total"))
  body = "\n".join(lines)
  titles = _table_row("th", head)
  inner = f"<table{_class(kind)}><thead>{titles}</thead><tbody>\n{body}\n</tbody></table>"
  return f'<div class="scroll">{inner}</div>'


def _table_row(name, cells, kind=None):
  inner = "".join(element(name, cell) for cell in cells)
  return f"<tr{_class(kind)}>{inner}</tr>"


def squares(groups):
  """Named groups of coloured squares, {group: [(name, text, shade)]}; shade 0 is pale, 1 dark."""
  inner = ""
  for group, members in groups.items():
    inner += element("span", f"{SHOWN.get(group, group.capitalize())} ({len(members)})", "quiet")
    shades = "".join(_square(*member) for member in members)
    inner += f'<div class="squares">{shades}</div>'
  return f'<div class="map">{inner}</div>'


def _square(name, text, shade):
  ink = "#fff" if shade > 0.55 else "var(--ink)"
  style = f"background: rgb(11 114 133 / {0.05 + 0.95 * shade:.2f}); color: {ink}"
  return f'<span class="square" style="{style}">{element("b", name)}{escape(text)}</span>'


def definitions(values, kind=None):
  """Names beside their values, from a dict."""
  inner = ""
  for name, value in values.items():
    inner += f"<div>{element('dt', name)}{element('dd', value)}</div>"
  return f"<dl{_class(kind)}>{inner}</dl>"


def folded(title, inner):
  """Something long, behind a line that opens it."""
  return f"<details>{element('summary', title)}{inner}</details>"


def sentence(text):
  """A sentence in any script, in its own direction whatever stands around it."""
  return f'<bdi dir="auto">{escape(text)}</bdi>'


def _class(kind):
  return f' class="{escape(kind)}"' if kind else ""
