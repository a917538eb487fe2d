"""What goes down to the clients: one copy of the content, and who has which of its arrays."""
