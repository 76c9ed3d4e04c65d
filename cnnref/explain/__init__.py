"""Pictures and tables for people who would rather look than read."""
