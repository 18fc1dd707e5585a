"""Data sets for training: pools of one's own in, shards with a manifest out. Needs no torch."""
