"""An e-mail gateway that makes tickets."""
