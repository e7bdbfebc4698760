"""From one inventory to the files of every machine of both sites."""
