"""An encoder learns, beside the labels, what a language model that saw no label says of every token."""
