"""What a pair, or a line, is dropped for by its texts' lengths and equality alone."""


def row_filters(*, min_characters, max_characters, max_ratio):
  """The filters that look at one pair: (name, whether it drops the row), in order."""
  rules = pair_rules(
    min_characters=min_characters, max_characters=max_characters, max_ratio=max_ratio
  )
  return [(name, _of_a_row(drops)) for name, drops in rules]


def line_filters(*, min_characters, max_characters):
  """Those of them that a line of a document meets."""
  return [(name, _of_a_row(drops)) for name, drops in _length_rules(min_characters, max_characters)]


def pair_rules(*, min_characters, max_characters, max_ratio):
  """[(name, drops(equal, x, y))] of whether two texts are equal and their lengths.

  The three are numbers, or arrays of as many pairs as one likes.
  """

  def lopsided(equal, x, y):
    # Ten characters of grace: short Chinese against long English is a good pair.
    return (x > max_ratio * y + 10) | (y > max_ratio * x + 10)

  return [
    ("empty side", lambda equal, x, y: (x == 0) | (y == 0)),
    ("identical sides", lambda equal, x, y: equal),
    *_length_rules(min_characters, max_characters),
    (f"one side over {max_ratio:g} times longer", lopsided),
  ]


def _length_rules(least, most):
  return [
    (f"under {least} characters", lambda equal, x, y: (x < least) & (y < least)),
    (f"over {most} characters", lambda equal, x, y: (x > most) | (y > most)),
  ]


def _of_a_row(drops):
  return lambda row: drops(row.source == row.target, len(row.source), len(row.target))
