"""What always holds in a correct cluster, one rule a file, each with where it is from."""
