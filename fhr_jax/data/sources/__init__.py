"""Sources of records: a user's folder, boxes, clips, single frames, subsets."""
