"""The doors: web page and command line. Imports every other room."""

import os

# Read when gradio is imported: it would report each start to its makers.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
