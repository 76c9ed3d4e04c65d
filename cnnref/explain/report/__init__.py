"""The printed report of a bundle, as Markdown, pictures and JSON."""
