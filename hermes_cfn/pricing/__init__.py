"""What AWS charges: prices, books on disk, what they cover.  Reads books; never calls AWS."""
