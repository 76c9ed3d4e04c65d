"""ONNX files: the graph as it is written, one function a layer, and the precisions made from it."""
