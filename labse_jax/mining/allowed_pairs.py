"""What a pair of texts must not be to be mined."""

import collections

import numpy as np

from labse_jax.data.filters import language_id, writing_systems
from labse_jax.data.filters.lengths import pair_rules

UNLIMITED = float("inf")


class AllowedPairs:
  """allowed(row_x_P, row_y_P) -> bool_P: whether no filter refuses the pair of two lists' rows.

  The filters are those of `prepare`: equal texts, pairs whose longer side is under
  `min_characters`, and pairs with one side over `max_ratio` times longer, with ten characters of
  grace; with `one_script`, lines that are not in the script of most lines of their side; with
  `languages`, those of the two sides, lines that are not in them.
  """

  def __init__(
    self, sources, targets, *, min_characters, max_ratio, one_script=False, languages=None
  ):
    sides = (sources, targets)
    self._targets = len(targets)
    self._filters = _pair_filters(*sides, min_characters, max_ratio)
    if one_script:
      self._filters.append(
        _line_filter("not in its side's script", map(writing_systems.foreign, sides))
      )
    if languages:
      judges = [language_id.foreign_to(language) for language in languages]
      foreign = (
        np.fromiter(map(judge, side), bool, len(side))
        for judge, side in zip(judges, sides, strict=True)
      )
      self._filters.append(_line_filter("not in its side's language", foreign))
    self._refused = collections.defaultdict(list)

  def __call__(self, row_x_P, row_y_P):
    allowed_P = np.ones(len(row_x_P), bool)
    for name, refuses in self._filters:
      refused_P = allowed_P & refuses(row_x_P, row_y_P)
      # Both directions, and more than one call, may ask for the same pair.
      self._refused[name].append(row_x_P[refused_P] * self._targets + row_y_P[refused_P])
      allowed_P &= ~refused_P
    return allowed_P

  def refused(self):
    """{name of a filter: how many distinct pairs it was the first to refuse}, where any."""
    counts = {name: len(np.unique(np.concatenate(codes))) for name, codes in self._refused.items()}
    return {name: count for name, count in counts.items() if count}


def _pair_filters(sources, targets, min_characters, max_ratio):
  length_N, length_M = (np.fromiter(map(len, side), int, len(side)) for side in (sources, targets))
  text_N, text_M = _equal_texts(sources, targets)
  rules = pair_rules(min_characters=min_characters, max_characters=UNLIMITED, max_ratio=max_ratio)

  def of_rows(drops):
    return lambda x_P, y_P: drops(text_N[x_P] == text_M[y_P], length_N[x_P], length_M[y_P])

  return [(name, of_rows(drops)) for name, drops in rules]


def _equal_texts(sources, targets):
  """Numbers of the texts, [N] and [M], that are the same where a source and a target are."""
  number_of = {text: number for number, text in enumerate(targets)}
  text_N = np.fromiter((number_of.get(text, -1) for text in sources), int, len(sources))
  return text_N, np.fromiter((number_of[text] for text in targets), int, len(targets))


def _line_filter(name, foreign):
  foreign_N, foreign_M = foreign
  return name, lambda row_x_P, row_y_P: foreign_N[row_x_P] | foreign_M[row_y_P]
