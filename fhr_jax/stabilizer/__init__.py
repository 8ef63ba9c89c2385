"""The stabilizer of the paper: model, parameters and fits."""
