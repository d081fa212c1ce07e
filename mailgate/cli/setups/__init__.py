"""Faces: what the mail servers beside us have to be told: the texts, and the values that stand in them."""
