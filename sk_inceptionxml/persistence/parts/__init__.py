"""A model by its parts: what each is checked for, how it is written and read."""
