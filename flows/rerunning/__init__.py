"""How chosen rows of a finished run are made again; ``flows.rerun`` is the flow."""
