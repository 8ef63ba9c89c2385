"""Loss functions: of heatmaps (for the network) and of tracks (for the stabilizer)."""
