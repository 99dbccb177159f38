import time

import pytest

from labse_jax.data.sources.gettext.messages import clean_pair, has_words


@pytest.mark.parametrize(
  ("message", "sentence"),
  [
    ("%(count)s of %(total)d", "{} of {}"),
    ("%s and %1$s, %.2f, %-5d", "{} and {}, {}, {}"),
    ("{name} {0} {} {x!r:>10} {a.b[0]}", "{} {} {} {} {}"),
    ("${name} %{name} $name {{ name }} {% url 'x' %}", "{} {} {} {} {}"),
    ("100% sure, 5%discount, 100%%", "100% sure, 5%discount, 100%"),
    ("It costs $5", "It costs $5"),
    ('See <a href="%(url)s">the  <b>page</b></a>.<br/>Bye', "See the page. Bye"),
    ("People with the <name>", "People with the <name>"),
    ("a &amp; b&nbsp;&lt;c&gt;&#8230; &unknown;", "a & b <c>… &unknown;"),
    ("Two\n\n lines\t here ", "Two lines here"),
    ("R&D, Q&A and snake_case are words, not menu entries, and they all stay so",) * 2,
    ("portal_setup and other_names", "portal_setup and other_names"),
    ("Merge_Sources", "Merge_Sources"),
    ("AT&T at 150%x",) * 2,
  ],
)
def test_both_sides_are_cleaned_alike(message, sentence):
  assert clean_pair(message, message) == (sentence, sentence)


@pytest.mark.parametrize(
  ("source", "target", "cleaned"),
  [
    ("_Jump to", "移動(_J)", ("Jump to", "移動")),
    ("E_xit", "_Beenden", ("Exit", "Beenden")),
    ("&File", "Fich&ier", ("File", "Fichier")),
    ("L_atitude:", "緯度(_A):", ("Latitude:", "緯度:")),
    ("Terms & rules", "Regeln & mehr", ("Terms & rules", "Regeln & mehr")),
    ("Save", "a_b", ("Save", "a_b")),
  ],
)
def test_accelerators(source, target, cleaned):
  assert clean_pair(source, target) == cleaned


def test_words():
  assert has_words("{} 年") and not has_words("{}: 12 %")
  assert not has_words("{}: \u3164\u200b")  # A letter to Unicode, and yet it shows nothing.


def test_a_message_of_invisible_characters_is_empty():
  assert clean_pair("<b>\u200b</b> Save\u2060", "\ufeff \u3164") == ("Save", "")


def seconds(function, *args):
  start = time.perf_counter()
  function(*args)
  return time.perf_counter() - start


# Each is the beginning of something that never ends. With a pattern that reads to the end of the
# text from each of them, the time would be 10 seconds and more.
@pytest.mark.parametrize("run", ["{{", "{%", "{{a", "${", "{a", "%(", "%1", " ", "<a ", "&#1", "$"])
def test_the_time_is_in_proportion_to_the_text(run):
  text = "_a" + run * (100_000 // len(run)) + "!"
  assert seconds(clean_pair, text, text) < 2


def test_a_placeholder_ends_at_the_first_closing_sign():
  message = "{{ a }} and {% b %} and ${{ c }} }} of {{ d"
  assert clean_pair(message, message)[0] == "{} and {} and {} }} of {{ d"
