"""Addresses of servers, as settings have them."""
