"""The sections of the kit, one a file, and what they share."""
