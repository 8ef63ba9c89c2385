"""Optional extensions of the paper's stabilizer, one in each file."""
