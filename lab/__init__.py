"""Both sites in network namespaces of one machine: the files of `deploy`, the real programs."""
