"""What experiments and the demo share: protocol, scores, tuned baselines, comparisons. The library never imports it."""
