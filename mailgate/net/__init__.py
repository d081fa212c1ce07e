"""Everything that speaks over the network, and nothing that decides."""
