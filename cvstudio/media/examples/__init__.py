"""The media that the program makes itself: a rendered still life with its depth, a clip with sound, spoken voices."""
