"""Parts of build_territory: packages, places, polygons, sources."""
