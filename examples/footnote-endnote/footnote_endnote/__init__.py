"""EndNote in and out: a plugin of Footnote, and an example of one."""
