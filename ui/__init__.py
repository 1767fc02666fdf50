"""The doors: web page and command line. Imports every other room."""
