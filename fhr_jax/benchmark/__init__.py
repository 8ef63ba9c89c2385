"""What the experiments share: protocol, options, baselines, scores. Library code never imports it."""
