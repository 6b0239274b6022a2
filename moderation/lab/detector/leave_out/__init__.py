"""The protocol by which choices about the detector are made: without a source, without a generator."""
