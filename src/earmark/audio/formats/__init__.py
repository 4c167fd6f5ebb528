"""What the bytes of a source are: formats by their first bytes, headers, encryption."""
