"""All models as one table: what each is for, how large, how good, under what licence, and whether it is here."""
