"""Who is measured: mailgate and its peers, each as processes of its own on loopback."""
