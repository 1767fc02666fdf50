"""The commands, a module a theme; `ui.cli` puts them together."""
