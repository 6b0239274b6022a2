"""The room where a checkpoint becomes a deployable detector bundle: ONNX, precision, parity, manifest."""
