"""The room where a risk bundle is trained, its threshold set and its false-positive rate certified."""
