"""Virtual patients: a head, a tumour, an MR scanner, and the truth about all three."""
