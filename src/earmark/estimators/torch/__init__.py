"""Networks in torch: one file each, the network and the parameters of its family together.

Importing torch takes seconds, so nothing imports these files but `earmark.estimators.family`, when a network
is trained. Inference runs on the exported graph.
"""
