"""Find papers and put them in order. Imports `core` and `index`."""
