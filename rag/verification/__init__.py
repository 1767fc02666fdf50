"""Judge whether a source says what a claim says. Imports `core`."""
