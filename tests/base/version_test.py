"""The version and the address are the same wherever a reader meets them."""

import pytest
import yaml

from labse_jax.base import version
from tests.support.places import ROOT


@pytest.fixture
def citation():
  return yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))


def test_the_citation_is_of_this_version(citation):
  assert citation["cff-version"] == "1.2.0"
  assert citation["title"] == "labse_jax"
  assert str(citation["version"]) == version.__version__
  assert citation["license"] == "Apache-2.0"
  assert citation["authors"] == [{"name": "The labse_jax authors"}]


def test_the_citation_has_the_address_where_there_is_one(citation):
  assert citation.get("repository-code", "") == version.ADDRESS
  assert ("repository-code" in citation) == bool(version.ADDRESS)
