"""What the evaluations of the embedded detectors share: the test photographs, and the figures."""
