"""The commands of the laboratory: simulate, train, evaluate, detector."""
