"""The laws of the contract, a module a subject."""
