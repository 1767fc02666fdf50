"""Read what a question asks. Imports `core`."""
