"""What `make bench` and `make prove` share: figures with their promises, the machine, and the pages that show them."""
