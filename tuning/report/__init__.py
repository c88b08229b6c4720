"""What a search shows: progress, tables, plots, TensorBoard, comparisons of tuners."""
