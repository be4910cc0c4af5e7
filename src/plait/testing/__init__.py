"""What every adapter must pass, ours or yours: plain functions that raise `AssertionError`, for any test runner."""
