"""Writing what is read again later: with digests, and by one process at a time."""
