"""The model card of a bundle, and what it says of training: provenance, seeds, and the table of results."""
