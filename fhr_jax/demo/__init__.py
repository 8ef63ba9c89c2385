"""The demo: train, decode, track and stabilize on synthetic faces within minutes, for `fhr-jax demo`.

- `run`: the whole demo; writes a folder with scores, pictures and a report
- `regression`: conventional against fractional heatmap regression
- `stabilization`: raw against stabilized tracks
- `report`: the sections of the report
- `html`: writes text, tables and pictures as one HTML file
"""

from fhr_jax.lazy import submodules

__getattr__, __dir__ = submodules(__name__)
