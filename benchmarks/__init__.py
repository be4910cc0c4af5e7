"""What plait costs, measured: `make bench`. The quickest turn counts, beside a limit or a peer in the same run."""
