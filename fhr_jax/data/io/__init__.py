"""Readers and writers of single files: images, video, landmarks."""
