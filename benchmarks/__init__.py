"""What plait costs, measured: `make bench`. Figures are medians, beside a limit or a peer in the same run."""
