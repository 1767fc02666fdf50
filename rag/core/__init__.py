"""Records, text, errors and settings: what every room knows. Imports nothing of ours."""
