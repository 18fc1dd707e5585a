"""The networks in torch: the 2020 generator to the letter, and the one that ships."""
