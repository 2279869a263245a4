"""What is put on a trunk: small, trained and swapped alone, refused on another trunk."""
