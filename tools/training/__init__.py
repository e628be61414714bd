"""How the trained parts are made; nothing of it runs where articles are processed."""
