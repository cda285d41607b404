"""The names, options and defaults of JavaScript libraries, for tasks."""
