"""The sections of a run's page that show what its model finds, as pieces of HTML.

A section adds the charts that it shows to `images`, {name: PNG bytes}.
"""

from labse_jax.data.language_names import named
from labse_jax.pages import html, plots

TITLE = html.element("h2", "The model at work")


def at_work(shown, images):
  """What the model finds: the heat map and the queries."""
  return [TITLE, *similarity(shown, images), *queries(shown["queries"])]


def missing(reason):
  """The same section where nothing can be shown: it says why."""
  return [TITLE, html.notice(reason)]


def similarity(shown, images):
  """The heat map of sentences and their translations, with the texts beside it."""
  language = named(shown["language"])
  words = {"down": language, "across": "English"}
  images["similarity"] = plots.heat_map(shown["similarity"], **words)
  narrow = plots.heat_map(shown["similarity"], **words, width=plots.NARROW)
  texts = ""
  for place, (foreign, english) in enumerate(shown["pairs"], 1):
    texts += (
      f"<tr><td>{place}</td><td>{html.sentence(foreign)}"
      f'<span class="quiet">{html.sentence(english)}</span></td></tr>'
    )
  said = (
    f"Cosine similarities of {len(shown['pairs'])} sentences in {language} (rows) and their"
    " translations (columns). A good model is dark on the diagonal and pale elsewhere."
    f" Of the languages below, {language} is the one of middling accuracy."
  )
  alt = f"Similarities, {language} and English"
  figure = html.figure(images["similarity"], alt, narrow=narrow)
  beside = f'<div class="beside">{figure}<table class="pairs">{texts}</table></div>'
  return [html.element("p", said, "quiet"), beside]


def queries(found):
  """A card for each query with the nearest sentences and whether the first is the right one."""
  said = (
    "Sentences of the test and the nearest English ones among all of that language, with their"
    " cosines. Languages are taken by script, the widely read first, and sentences evenly."
  )
  cards = "\n".join(map(_card, found))
  title = html.element("h2", "Queries")
  return [title, html.element("p", said, "quiet"), f'<div class="cards">\n{cards}\n</div>']


def _card(query):
  if query["rank"] == 1:
    mark = html.element("b", "✓ found", "right")
  else:
    mark = html.element("b", "✗ missed", "wrong")
  lines = [_line("li", text, score, text == query["gold"]) for text, score in query["found"]]
  # Below the nearest ones stands the right one, where it is not among them.
  tail = ""
  if query["rank"] > len(lines):
    tail = (
      f'<p class="quiet">the right one, at rank {query["rank"]:,} of {query["candidates"]:,}:</p>'
    )
    tail += _line("div", query["gold"], query["gold_score"], True)
  return (
    f'<div class="card"><div class="head">{html.element("span", named(query["language"]), "code")}'
    f'{mark}</div><p class="query">{html.sentence(query["query"])}</p>'
    f"<ol>{''.join(lines)}</ol>{tail}</div>"
  )


def _line(tag, text, score, right):
  kind = "hit right" if right else "hit"
  inner = html.element("span", f"{score:.3f}", "score") + html.sentence(text)
  return f'<{tag} class="{kind}">{inner}</{tag}>'
