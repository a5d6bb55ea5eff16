"""Example media that the program generates: a rendered still life with its depth, a clip with sound, spoken voices."""
