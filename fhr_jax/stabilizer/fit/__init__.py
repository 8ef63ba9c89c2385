"""Fit the parameters of the stabilizer: one objective, one loop, several solvers."""
