"""What `accelerator.py` measures, one module a part, and how it measures.

`rows` and `timing` say what a row is and measure it, `worker` measures the rows of several parts in its own process,
`supervisor` starts such processes and ends them at the limits of their parts, and `conclusions` compares.
"""
