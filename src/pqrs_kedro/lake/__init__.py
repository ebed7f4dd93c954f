"""The lake's rules: layout, create-only writes, content hashes, manifests."""
