"""The moderation function's layer: the encoder, its heads, and the packages that run them."""
