"""Files of trained models, the input of `export`."""
