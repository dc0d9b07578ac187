"""The rules, one file each, beside what they are made of; `catalogue` lists them."""
