"""What fills the middle of the window: pictures, sound, time and tables."""
