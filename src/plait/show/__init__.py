"""What people look at: progress, drawings, explanations, values."""
