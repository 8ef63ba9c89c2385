"""The datasets of faces with landmarks that can be had: built from the user's download, or from TFDS's catalogue.

Nothing here needs TensorFlow, but for what `catalogue` says. TFDS is imported only where one is built or opened.
"""
