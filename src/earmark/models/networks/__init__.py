"""Networks in torch, and how they learn.

Apart from the families that use them because importing torch takes seconds: a family imports these files
when it is trained, and nothing imports them for inference, which runs on the exported graph.
"""
