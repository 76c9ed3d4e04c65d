"""The page that runs a network in a browser: one HTML file for a bundle."""
