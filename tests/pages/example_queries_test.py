"""The cards of queries; report_test.py sees whole pages."""

import pytest

from labse_jax.pages import example_queries


@pytest.mark.parametrize("rank, said", [(3, False), (4, True), (75, True)])
def test_a_right_sentence_far_down_is_shown_with_its_rank(rank, said):
  found = [(f"wrong {place}", 0.9) for place in range(3)]
  found[2] = ("gold", 0.1) if rank == 3 else found[2]
  query = {"language": "fra", "query": "or", "gold": "gold", "gold_score": 0.1, "rank": rank}
  text = "".join(example_queries.queries([{**query, "candidates": 1000, "found": found}]))
  assert (f"the right one, at rank {rank} of 1,000:" in text) == said
  line = r'class="hit right"><span class="score">0.100</span><bdi dir="auto">gold</bdi>'
  assert text.count(line) == 1 and "✗ missed" in text
