"""What the rules look at: outputs, losses, targets, columns and shapes, each read once."""
