"""What `cnnref bench` compares with: Keras itself, its own exporters, PyTorch's, and OpenVINO."""
