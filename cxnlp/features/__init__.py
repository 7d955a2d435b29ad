"""What a model can see of a prepared text."""
