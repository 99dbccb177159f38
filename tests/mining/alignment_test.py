import itertools

import numpy as np
import pytest

from labse_jax.mining import alignment, alignment_costs
from labse_jax.mining.joined_texts import encoded


def unit(x):
  return x / np.linalg.norm(x, axis=-1, keepdims=True)


def document(rng, sentences_ND, sizes):
  """text_KND of unit vectors, where a joined text is the mean of its sentences, and some noise."""
  noise_KND = 0.2 * unit(rng.normal(size=(sizes, *sentences_ND.shape)))

  def first(i, k):
    return max(0, i - k)

  mean_KND = [
    [sentences_ND[first(i, k) : i + 1].mean(0) for i in range(len(sentences_ND))]
    for k in range(sizes)
  ]
  return unit(unit(np.array(mean_KND)) + noise_KND).astype(np.float32)


def translated(rng, count, *, skipped=0.1, joined=0.1, sizes=3):
  """Two documents of about `count` sentences, and the links that they were made by."""
  sides, links = ([], []), []
  for _ in range(count):
    shape = rng.choice(5, p=[1 - 2 * (skipped + joined), skipped, skipped, joined, joined])
    n, m = [(1, 1), (1, 0), (0, 1), (2, 1), (1, 2)][shape]
    sized = list(zip(sides, (n, m), strict=True))
    parts = unit(rng.normal(size=(2, 24)))
    whole = unit(parts.mean(0, keepdims=True))
    links.append(tuple(tuple(len(side) + i for i in range(c)) for side, c in sized))
    for side, c in sized:
      side.extend(parts if c == 2 else whole[:c])
  return *(document(rng, np.array(side), sizes) for side in sides), links


def align(x_KND, y_KMD, *options, **more):
  return alignment.align(encoded(x_KND), encoded(y_KMD), *options, **more)


def extra(n, m):
  """What a pair of n and m sentences costs beside its distance, in prices of a skip."""
  return 0.1 * (n + m > 2) + 0.2 * (min(n, m) - 1)


def every_alignment(x_KND, y_KMD, largest):
  """([(the cost, the links) of each monotone alignment], the price of a skip), in plain loops."""
  x_KND, y_KMD = x_KND.astype(float), y_KMD.astype(float)
  sizes, steps = (x_KND.shape[1], y_KMD.shape[1]), alignment.steps_up_to(largest)

  def distance(k, i, m, j):
    x_D, y_D = x_KND[k, i], y_KMD[m, j]
    usual = [
      np.mean([1 - x_D @ other for other in y_KMD[m]]),
      np.mean([1 - y_D @ other for other in x_KND[k]]),
    ]
    return (1 - x_D @ y_D) / np.mean(usual)

  short, long = (0, 1) if sizes[0] <= sizes[1] else (1, 0)

  def place(a, b):
    return (a, b) if short == 0 else (b, a)

  nearest = [
    min(distance(0, place(a, b)[0], 0, place(a, b)[1]) for b in range(sizes[long]))
    for a in range(sizes[short])
  ]
  price = max(np.median(nearest), 0.16)

  def all_from(i, j):
    if (i, j) == sizes:
      yield 0.0, []
    for n, m in steps:
      if i + n <= sizes[0] and j + m <= sizes[1]:
        source, target = tuple(range(i, i + n)), tuple(range(j, j + m))
        if n and m:
          cost = (n + m - 1) ** 0.9 * distance(n - 1, i + n - 1, m - 1, j + m - 1)
          cost += extra(n, m) * price
          new = [(source, target)]
        else:
          cost = (n + m + 0.3) * price
          new = [((place,), ()) for place in source] + [((), (place,)) for place in target]
        yield from ((cost + rest, [*new, *links]) for rest, links in all_from(i + n, j + m))

  return list(all_from(0, 0)), price


def total(links, price):
  """What an alignment costs, of links that come in order."""
  cost = 0
  for is_skip, run in itertools.groupby(links, key=lambda link: link.score is None):
    if is_skip:
      for side in zip(*(link[:2] for link in run), strict=True):
        skipped = len(sum(side, ()))
        cost += (skipped + 0.3 * -(-skipped // 4)) * price
      continue
    for source, target, score in run:
      cost += (len(source) + len(target) - 1) ** 0.9 * (1 - score)
      cost += extra(len(source), len(target)) * price
  return cost


@pytest.mark.parametrize(
  ("n", "m", "largest"),
  [(1, 1, 4), (1, 4, 4), (4, 3, 4), (3, 4, 3), (4, 4, 2), (2, 4, 5), (3, 3, 6)],
)
def test_the_least_of_all_monotone_alignments_is_found(n, m, largest):
  for seed in range(3):
    rng = np.random.default_rng(seed)
    x_KND, y_KMD = (
      unit(rng.normal(size=(largest, size, 3)) + [1, 0, 0]).astype(np.float32) for size in (n, m)
    )
    paths, price = every_alignment(x_KND, y_KMD, largest)
    cost, links = min(paths, key=lambda path: path[0])
    found = align(x_KND, y_KMD, largest=largest)
    price_found = alignment_costs.skip_price(x_KND[0], y_KMD[0])
    np.testing.assert_allclose(price_found, price, atol=1e-5)
    np.testing.assert_allclose(total(found, price), cost, atol=1e-5)
    pairs = [link[:2] for link in found if link.score is not None]
    assert pairs == [link for link in links if all(link)]  # The order of skips means nothing.


def near_oracle(x_KND, y_KMD, largest, slack):
  """The texts of all alignments that cost at most `slack` more than the least, by plain loops."""
  sides = [np.zeros(text.shape[:2], bool) for text in (x_KND, y_KMD)]
  paths, _ = every_alignment(x_KND, y_KMD, largest)
  worst = min(cost for cost, _ in paths) + slack
  for cost, links in paths:
    for link in links if cost <= worst else []:
      if all(link):
        for near_KN, places in zip(sides, link, strict=True):
          near_KN[len(places) - 1, places[-1]] = True
  return sides


@pytest.mark.parametrize("sizes", [(1, 1), (4, 3), (3, 4), (1, 4)])
@pytest.mark.parametrize("slack", [0.01, 0.2])
def test_texts_near_the_best_are_those_of_all_alignments_near_it(sizes, slack):
  rng = np.random.default_rng(6)
  x_KND, y_KMD = (
    unit(rng.normal(size=(3, size, 3)) + [1, 0, 0]).astype(np.float32) for size in sizes
  )
  texts = encoded(x_KND), encoded(y_KMD)
  for most in (slack, 2 * slack):
    found = alignment.excess(*texts, None, largest=4, most=most)
    for got, expected in zip(found, near_oracle(x_KND, y_KMD, 4, slack), strict=True):
      np.testing.assert_array_equal(got <= slack, expected)
      assert got.min() == pytest.approx(0, abs=1e-9) or not expected.any()
      assert not ((got > most) & np.isfinite(got)).any()


def test_texts_near_the_best_of_a_long_document_are_those_of_all_places(monkeypatch):
  x_KND, y_KMD, _ = translated(np.random.default_rng(1), 150)
  sides = (encoded(x_KND), encoded(y_KMD))
  exact = alignment.excess(*sides, None, largest=4, most=0.1)
  monkeypatch.setattr(alignment, "EXACT", 40)
  near = alignment.excess(*sides, None, largest=4, most=0.1)
  for one, other in zip(map(np.isfinite, exact), map(np.isfinite, near), strict=True):
    assert one.sum() > 150 and (one != other).mean() < 0.01


def test_a_text_that_is_not_usable_is_in_no_pair():
  x_KND, y_KMD, gold = translated(np.random.default_rng(0), 40, skipped=0, joined=0.2)
  x, y = (encoded(text) for text in (x_KND, y_KMD))
  links = {link[:2] for link in alignment.align(x, y)}
  place = next(link[0][-1] for link in gold if len(link[0]) == 2 and link in links)
  x.usable_KN[1, place] = False
  found = alignment.align(x, y)
  assert all(link.source[-1:] != (place,) or len(link.source) != 2 for link in found)
  assert sum(len(link.source) for link in found) == x_KND.shape[1]


def test_steps_are_all_sizes_up_to_the_largest_and_runs_of_skips():
  skips = [(1, 0), (0, 1), (2, 0), (0, 2), (3, 0), (0, 3), (4, 0), (0, 4)]
  assert alignment.steps_up_to(2) == [(1, 1), *skips]
  pairs = [(1, 1), (1, 2), (2, 1), (1, 3), (2, 2), (3, 1)]
  assert alignment.steps_up_to(4) == [*pairs, *skips]


def test_each_sentence_stands_in_one_link_and_in_order():
  x_KND, y_KMD, _ = translated(np.random.default_rng(0), 60)
  links = align(x_KND, y_KMD)
  assert sum((link.source for link in links), ()) == tuple(range(x_KND.shape[1]))
  assert sum((link.target for link in links), ()) == tuple(range(y_KMD.shape[1]))
  assert all((link.score is None) == (not link.source or not link.target) for link in links)


def test_a_long_document_is_aligned_as_all_places_would_be(monkeypatch):
  x_KND, y_KMD, gold = translated(np.random.default_rng(1), 150)
  exact = align(x_KND, y_KMD)
  monkeypatch.setattr(alignment, "EXACT", 40)  # Three times half as long.
  near = align(x_KND, y_KMD)
  assert [link[:2] for link in near] == [link[:2] for link in exact]
  np.testing.assert_allclose(
    [link.score or 0 for link in near], [link.score or 0 for link in exact], atol=1e-4
  )
  pairs = {link for link in gold if all(link)}
  assert len(pairs & {link[:2] for link in near}) > 0.95 * len(pairs)


def test_a_long_gap_is_found_near_the_coarse_path(monkeypatch):
  monkeypatch.setattr(alignment, "EXACT", 60)
  rng = np.random.default_rng(2)
  text_ND = unit(rng.normal(size=(300, 24)))
  x_KND = document(rng, text_ND, 3)
  y_KMD = document(rng, np.concatenate([text_ND[:100], text_ND[180:]]), 3)
  for one, other, sign in ((x_KND, y_KMD, 1), (y_KMD, x_KND, -1)):
    found = {link[:2] for link in align(one, other)}
    gold = [(i, i if i < 100 else i - 80) for i in (*range(100), *range(180, 300))]
    assert sum(tuple((i,) for i in pair[::sign]) in found for pair in gold) >= 215


@pytest.mark.parametrize("sizes", [(1, 700), (700, 1), (3, 150), (61, 60)])
def test_odd_shapes_are_aligned_to_their_ends(monkeypatch, sizes):
  monkeypatch.setattr(alignment, "EXACT", 40)
  rng = np.random.default_rng(3)
  sides = [document(rng, unit(rng.normal(size=(size, 8))), 3) for size in sizes]
  links = align(*sides)
  assert sum(len(link.source) for link in links) == sizes[0]
  assert sum(len(link.target) for link in links) == sizes[1]


@pytest.mark.parametrize("changed", [0.0, 0.1, 0.4])
def test_documents_that_share_most_lines_are_aligned(changed):
  """Lines that were changed have a cosine of 0.9; and each document lacks some of the other's."""
  rng = np.random.default_rng(4)
  text_ND, noise_ND = (unit(rng.normal(size=(60, 24))) for _ in range(2))
  noise_ND = unit(noise_ND - (noise_ND * text_ND).sum(1, keepdims=True) * text_ND)
  far_N1 = rng.permutation(60)[:, None] < 60 * changed
  other_ND = np.where(far_N1, 0.9 * text_ND + np.sqrt(0.19) * noise_ND, text_ND)
  x_KND, y_KND = (document(np.random.default_rng(5), side, 3) for side in (text_ND, other_ND))
  same = {((i,), (i,)) for i in range(60)}
  assert same == {link[:2] for link in align(x_KND, y_KND)}
  kept = np.delete(np.arange(60), [5, 20, 21])
  found = {link[:2] for link in align(x_KND, y_KND[:, kept])}
  assert len({((i,), (j,)) for j, i in enumerate(kept)} & found) >= 55


@pytest.mark.parametrize("characters,joined_to", [((10, 90, 100), 0), ((100, 90, 10), 1)])
def test_lengths_tell_to_which_neighbour_a_part_belongs(characters, joined_to):
  """The vector of the part says nothing: alone or joined, each pair is as near."""
  x_ND, y_ND = np.eye(3)[[0, 2, 1]] + 0.1, np.eye(3)[[0, 1]] + 0.2
  x_KND = unit(np.stack([x_ND, x_ND[[0, 0, 2]]]))  # Joined with what is before it, a side is that.
  links = align(x_KND, unit(np.stack([y_ND, y_ND])), (characters, (100, 100)), largest=3)
  gold = [((0, 1), (0,)), ((2,), (1,))], [((0,), (0,)), ((1, 2), (1,))]
  assert [link[:2] for link in links] == gold[joined_to]


def of_words(sentences, noise, side):
  """text_KND of unit vectors: of what a text says, and a share `noise` that is only its own.

  A sentence is a list of numbers, one for each thing that it says.
  """
  sizes, count = 5, len(sentences)
  said, own = 100, 2 * sizes * 30
  text_KND = np.zeros((sizes, count, said + own))
  for k, i in np.ndindex(sizes, count):
    for sentence in sentences[max(0, i - k) : i + 1]:
      np.add.at(text_KND[k, i], sentence, 1)
    text_KND[k, i] = np.sqrt(1 - noise) * unit(text_KND[k, i])
    text_KND[k, i, said + (side * sizes + k) * 30 + i] = np.sqrt(noise)
  return text_KND


@pytest.mark.parametrize(
  ("source", "target", "noise", "gold"),
  [
    # Part of a translation, and beside it something that the translation does not say.
    ([[1, 2, 3], [4, 5]], [[1, 2, 3, 4]], 0.2, [((0, 1), (0,))]),
    ([[1, 2], [3, 4], [5, 6], [7, 8]], [[1, 2, 3, 4, 5, 6, 7]], 0.15, [((0, 1, 2, 3), (0,))]),
    # The border between two sentences is elsewhere.
    ([[1, 2, 3], [4, 5]], [[1, 2], [3, 4, 5]], 0.2, [((0, 1), (0, 1))]),
    # No part of a translation.
    ([[1, 2, 3], [4, 5, 6]], [[1, 2, 3]], 0.2, [((0,), (0,)), ((1,), ())]),
    (
      [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]],
      [[1, 2], [9, 10]],
      0.2,
      [((0,), (0,)), ((1,), ()), ((2,), ()), ((3,), ()), ((4,), (1,))],
    ),
  ],
)
def test_a_sentence_is_left_out_only_if_it_has_no_partner(source, target, noise, gold):
  """The sentences stand among eight pairs of which nothing is missing."""
  before = [[20 + 4 * n + k for k in range(4)] for n in range(4)]
  after = [[50 + 4 * n + k for k in range(4)] for n in range(4)]
  x_KND = of_words([*before, *source, *after], noise, 0)
  y_KMD = of_words([*before, *target, *after], noise, 1)
  around = [((n,), (n,)) for n in range(4)]
  found = [link[:2] for link in align(x_KND, y_KMD, largest=6)]
  assert found[:4] == around
  moved = [(tuple(i + 4 for i in left), tuple(j + 4 for j in right)) for left, right in gold]
  assert found[4:-4] == moved


def test_equal_texts_throughout_do_not_divide_by_zero():
  same_KND = np.tile(unit(np.ones(8)).astype(np.float32), (3, 5, 1))
  with np.errstate(all="raise"):
    links = align(same_KND, same_KND)
  assert links[0].source and np.isfinite([link.score or 0 for link in links]).all()
