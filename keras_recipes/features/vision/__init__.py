"""What images alone have: decoding in TensorFlow, gradients, heat maps, trained backbones."""
