"""Classification of lines: their features, and a small convolutional network that makes probabilities of them."""
