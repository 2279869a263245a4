"""Finding pictures by words, and words by pictures."""
