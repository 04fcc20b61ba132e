"""What bench/compare is made of. Needs Python only; what runs in the peers' environment is in peers/ and plots.py."""
