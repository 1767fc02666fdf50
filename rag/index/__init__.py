"""The catalogue and all that is derived from it. Imports `core`."""
