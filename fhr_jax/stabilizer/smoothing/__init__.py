"""The movement types of the stabilizer, filtered or smoothed one by one, and mixed: with and without look-ahead."""
