"""The commands: one file each, parsed here, done elsewhere."""
