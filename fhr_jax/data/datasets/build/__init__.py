"""Build a dataset from the user's download: work units, shards, the finished TFDS folder."""
