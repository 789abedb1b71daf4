"""What people look at: the table on the terminal, the page, and the pictures on it. Reads only records."""
