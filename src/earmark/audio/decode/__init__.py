"""Decoders behind one protocol: libsndfile, FFmpeg, and a clip that is in memory already."""
