"""The room where a detector's scores on text_dev become tables, and the tables a page."""
