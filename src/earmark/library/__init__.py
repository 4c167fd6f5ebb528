"""A music library on disk: catalogue, scan, search, similar songs, playlists, tags."""
