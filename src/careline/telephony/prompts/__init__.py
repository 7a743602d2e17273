"""What callers hear: the catalogue of texts, the bundled recordings of them, replacements, and waiting music."""
