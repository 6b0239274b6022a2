"""The detector of character n-grams: crops, counts, the fit and the file it ends in."""
