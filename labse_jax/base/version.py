"""The version and the address of the project, where every floor can read them."""

__version__ = "0.1.0"
# Where the repository lies: its URL, or empty until it has one. Whatever shows the address takes it
# from here; CITATION.cff has the same.
ADDRESS = ""
