"""The page that shows what a style's layers do to a photo."""
