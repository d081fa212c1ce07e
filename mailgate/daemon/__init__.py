"""Faces: what stands around the daemon: the processes it is made of, who starts them, and what is seen from outside."""
