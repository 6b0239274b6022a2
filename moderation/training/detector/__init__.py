"""The room where the text detector is trained and measured on data that is not in the repository."""
