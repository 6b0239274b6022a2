"""Converts checkpoints to detector bundles: ONNX graphs, precisions, parity, manifest."""
