"""Teach: clips in boxes become a model of one's own words.

`embed` makes the embeddings of a clip in a worker, `Clips` keeps them for an hour and nothing else of the
sound, `training` trains as a job, and `Trained` keeps the bundles for an hour.
"""
