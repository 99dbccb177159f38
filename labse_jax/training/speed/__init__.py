"""How fast a training is, and how much of its devices it uses."""
