"""What is to be seen, as plain text with the names of styles. No terminal, no clock."""
