"""Controls that take values and emit intents; none of them knows what it controls."""
