"""One module for each drill. `catalog` finds them."""
