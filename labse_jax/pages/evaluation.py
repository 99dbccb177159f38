"""The page of an evaluation: languages, sentences in many of them, hubs, and models compared."""

import collections
import pathlib

from labse_jax.data.language_names import named
from labse_jax.evaluation import comparison
from labse_jax.evaluation.result_table import (
  LOWER_IS_BETTER,
  best_first,
  main_metric,
  main_values,
  metric_text,
  named_rows,
  number,
  side_by_side,
)
from labse_jax.pages import html, plots
from labse_jax.pages import results as result_sections
from labse_jax.pages.results import DIRECTIONS, foldable, group_table, named_keys, sense

SHOWN_HUBS = 10


def page_of(results, shown, comparisons, published):
  """The HTML page of an evaluation.

  `results` is {model: its result}, `shown` {model: what `multilingual.look` gives}, `comparisons`
  the paired tests and `published` {name: figures of a paper}.
  """
  names = short_names({name: result["model"] for name, result in results.items()})
  results = {names[name]: result for name, result in results.items()}
  shown = {names[name]: one for name, one in shown.items()}
  comparisons = [one | {"models": [names[name] for name in one["models"]]} for one in comparisons]
  first = next(iter(results.values()))
  title = f"{first['suite']}: {', '.join(results)}"
  body = [html.element("h1", title), html.tiles(_averages(results))]
  if len(results) > 1 or published:
    body += models_side_by_side(results, comparisons, published)
  for name, result in results.items():
    body += result_sections.languages(result, {}, name)
    body += language_map(result, shown[name].get("scripts"))
  body += at_work(shown)
  for result in results.values():
    body += result_sections.measured(result)
  return html.page(f"{title} · labse_jax", body)


def short_names(paths):
  """{name: what the page calls a model} of {name: its path}, which stands at the page's end."""
  short = {}
  for name, model in paths.items():
    path = pathlib.Path(model)
    # A run's model is its folder `model`; the run is what has a name.
    named_by = path.parent if path.name == "model" and path.parent.name else path
    short[name] = named_by.stem if named_by.suffix == ".npy" else named_by.name
  distinct = len(set(short.values())) == len(short)
  return short if distinct else {name: name for name in paths}


def _averages(results):
  """The tiles: each model's average."""
  for name, result in results.items():
    metric = main_metric(result)
    average = f"{number(result['average'][metric]):.3f}"
    yield average, f"{metric}, mean of {len(result['results'])}, {name}"


def models_side_by_side(results, comparisons, published):
  """Models side by side, figures of others among them, and the tests of each two."""
  metric = main_metric(next(iter(results.values())))
  head, lines, totals = side_by_side(results, published)
  *groups, average = totals
  columns = {name: named_keys(main_values(result)) for name, result in results.items()}
  chart = plots.dots(columns, metric=metric)
  narrow = plots.dots(columns, metric=metric, width=plots.NARROW)
  body = [
    html.element("h2", "Models side by side"),
    html.element("p", f"{sense(metric)} Dots are models, lines 95 % intervals.", "quiet"),
    html.figure(chart, f"{metric} of each language by model", narrow=narrow),
    *group_table(head, groups, average),
    foldable(f"All {len(lines)} rows in numbers", head, named_rows(lines), average),
  ]
  for name, one in published.items():
    body.append(html.notice(f"Published, not measured here: {name}, from {one['source']}."))
  return body + paired_tests(comparisons)


def paired_tests(comparisons):
  """The paired tests: averages in a table, languages behind a line that opens them."""
  if not comparisons:
    return []
  said = (
    "Differences with their 95 % intervals and two-sided p-values by the paired bootstrap: both"
    " models are given the same resampled items. The p-values of single languages are not corrected"
    " for how many there are."
  )
  averages = {" − ".join(one["models"]): one["average"] for one in comparisons}
  body = [html.element("p", said, "quiet"), _test_table("of averages", averages)]
  for one in comparisons:
    title = f"{' − '.join(one['models'])} by language"
    body.append(html.folded(title, _test_table("language", one["results"])))
  return body


def _test_table(name, tests):
  rows = [[named(of), *comparison.test_cells(test)] for of, test in tests.items()]
  return html.table([name, "difference", "p"], rows)


def language_map(result, scripts):
  """Languages as squares, by the script of their sentences; the darker the better."""
  if not scripts:
    return []
  metric = main_metric(result)
  values = main_values(result)
  groups = collections.defaultdict(list)
  for language in best_first(values, metric):
    value = number(values[language])
    goodness = 1 - value if metric in LOWER_IS_BETTER else value
    shade = min(max(goodness, 0), 1)  # A correlation may be below 0.
    groups[scripts[language]].append((named(language), f"{value:.2f}", shade))
  said = (
    "A map by script, not by place: languages stand beside those whose test sentences are written"
    f" in the same letters. The darker, the better the {metric}."
  )
  largest_first = dict(sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])))
  return [html.element("p", said, "quiet"), html.squares(largest_first)]


def at_work(shown):
  """The heat map, the projection and the hubs of each model."""
  # A suite of millions of sentences gives no vectors to look at.
  if not all(shown.values()):
    return [
      html.notice(
        "Sentences in many languages and hubs are shown of suites that keep pairs"
        " of translations in memory; this one does not."
      )
    ]
  body = [html.element("h2", "One sentence in many languages")]
  for name, one in shown.items():
    body += sentence_similarities(name, one["heat"])
  body.append(html.element("h2", "Sentences on a plane"))
  for name, one in shown.items():
    body += projection(name, one["projection"])
  said = (
    "In how many queries' ten nearest candidates a sentence is: skewness of that count over all"
    " candidates (Radovanovic et al. 2010). Near 0 all are found alike; where it is large, a few"
    " hubs stand in the way of the right ones."
  )
  body += [html.element("h2", "Hubs"), html.element("p", said, "quiet")]
  for name, one in shown.items():
    body += hubs(name, one["hubs"])
  return body


def sentence_similarities(name, shown):
  """Similarities of one sentence's translations, with the texts beside them."""
  words = {"down": name, "across": "", "names": shown["languages"]}
  image = plots.heat_map(shown["similarity"], **words)
  narrow = plots.heat_map(shown["similarity"], **words, width=plots.NARROW)
  texts = ""
  for language, text in zip(shown["languages"], shown["texts"], strict=True):
    texts += f"<tr><td>{html.escape(named(language))}</td><td>{html.sentence(text)}</td></tr>"
  caption = f"{name}: cosine similarities; a language-agnostic model is dark everywhere"
  alt = f"Similarities of one sentence, {name}"
  figure = html.figure(image, alt, caption, narrow=narrow)
  return [f'<div class="beside">{figure}<table class="pairs named">{texts}</table></div>']


def projection(name, shown):
  """A few sentences, each in many languages, on the plane of their largest variance."""
  drawn = (shown["points"], shown["sentence"], shown["language"])
  image = plots.projection(*drawn, share_2=shown["share"])
  narrow = plots.projection(*drawn, share_2=shown["share"], width=plots.NARROW)
  said = (
    f"{name}: principal components. A good model gathers each sentence's languages; one that groups"
    " languages instead is not language-agnostic."
  )
  texts = "".join(f"<li>{html.sentence(text)}</li>" for text in shown["sentences"])
  figure = html.figure(image, f"Projection, {name}", said, narrow=narrow)
  return [figure, f"<ol>{texts}</ol>"]


def hubs(name, found):
  """The languages whose skewness is largest, and of each the sentence that is found most."""
  worst = sorted(found, key=lambda language: (-found[language]["forward"], language))[:SHOWN_HUBS]
  lines = []
  for language in worst:
    one = found[language]
    skewness = [metric_text(one[side]) for side in DIRECTIONS]
    found_by = f"{one['found']:,} of {one['queries']:,}"
    lines.append([named(language), *skewness, found_by, one["hub"]])
  total = [f"mean of {len(found)}"]
  for side in DIRECTIONS:
    mean = sum(one[side] for one in found.values()) / len(found)
    total.append(metric_text(mean))
  total += ["", ""]  # The last two columns have no mean.
  head = ["language", *DIRECTIONS, "largest hub is found by", "largest hub"]
  return [html.element("p", name), html.table(head, lines, total=total, kind="sentences")]
