"""Building a dataset from the folder that the user unpacked; `run.build` is the entry.

`registry` finds the builder of a name; `builder` holds what all builders share and plans the work; `exclusions` reads
the user's list of unreliable frames; `work_units` reads one unit of work; `shards` writes each unit as one shard, in
parallel; `finalize` turns the shards into a dataset that TFDS reads.
"""

from fhr_jax.lazy import submodules

__getattr__, __dir__ = submodules(__name__)
