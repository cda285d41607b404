"""What other frameworks take from here, each in a module of its own, which imports its framework
when it is used."""
