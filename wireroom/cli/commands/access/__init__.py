"""Commands for who may publish and read: access tokens of the HTTP input, and users of the broker."""
