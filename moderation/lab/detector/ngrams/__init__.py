"""The detectors of character and of word n-grams: crops, counts, the fit and the file it ends in."""
