"""What a network responds to: activations, Grad-CAM, occlusion, and receptive fields."""
