"""A teacher's vectors of a dataset's texts."""
