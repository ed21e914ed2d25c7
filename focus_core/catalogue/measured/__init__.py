"""What is measured of maps, an entry a module; none of them imports torch."""
