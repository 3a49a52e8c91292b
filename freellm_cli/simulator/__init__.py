"""A small upstream on loopback that keeps limits as strictly as a real provider and fails on command."""
