"""What each operation of keras.ops is in ONNX, a table a file."""
