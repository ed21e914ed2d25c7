"""What is measured of maps, one entry per module; none of them imports torch."""
