"""SavedModel and TFLite files, both from one TensorFlow graph, and TFLite's metadata."""
