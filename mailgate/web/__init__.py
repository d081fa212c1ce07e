"""The web face: the confirmation page for the world and the console of the demo. Changes nothing but through `desk`."""
