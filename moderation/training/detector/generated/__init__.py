"""A language model writes beside the people of sources in which no machine wrote, so that a source tells no label."""
