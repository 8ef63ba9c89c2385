"""Readers and writers, synthetic faces and tracks, Grain pipelines."""
