"""How the library compares with what one would write by hand. `python -m benchmarks` lists it."""
