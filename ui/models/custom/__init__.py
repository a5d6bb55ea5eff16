"""Custom models in the window: the declaration form, and a trial on the open picture."""
