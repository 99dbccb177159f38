"""An HTML page as its tags, texts and what is left open, for the tests of pages."""

import html.parser


class Document(html.parser.HTMLParser):
  """The tags [(name, attributes)], the texts and the elements that are still open of a page.

  Texts are as a browser shows them: white space is one space, and none at the ends.
  """

  def __init__(self, text):
    super().__init__()
    self.tags = []
    self.texts = []
    self.open = []
    self.feed(text)

  def handle_starttag(self, tag, attributes):
    self.tags.append((tag, dict(attributes)))
    if tag not in ("meta", "img", "source"):
      self.open.append(tag)

  def handle_endtag(self, tag):
    assert self.open.pop() == tag

  def handle_data(self, data):
    shown = " ".join(data.split())
    if shown:
      self.texts.append(shown)
