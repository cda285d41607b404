"""The names, options and defaults of JavaScript libraries, over the stores that are here."""
