"""Optional parts of the stabilizer beyond the paper, one a file."""
