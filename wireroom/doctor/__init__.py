"""What ``wireroom doctor`` looks at: the machine, the broker and the database; each check is a finding."""
