"""Checks metadata features on real people: their key presses, and labelled accounts and edges."""
